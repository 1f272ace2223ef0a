"""Fine-tuning over learning rates, weights and seeds, evaluated side by side."""
