"""Upload of a finished run's models and data to the Hugging Face Hub."""
