"""Stage `train`: GRPO of the rewriting policy on TRL's trainer, with the fleet as its engines."""
