"""Metrics, samples and artifacts in W&B or TensorBoard."""
