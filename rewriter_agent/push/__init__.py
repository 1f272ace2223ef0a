"""Models and data of a finished run to the Hugging Face Hub, when asked."""
