"""Metrics, samples and artifacts beside the run folder: W&B by its own library, or TensorBoard."""
