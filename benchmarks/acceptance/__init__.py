"""Acceptance of a machine with GPUs: every CUDA path in small, on one page."""
