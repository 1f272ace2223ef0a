"""The laboratory's backbone, which comes with the package."""

from pathlib import Path

LAB = "lab"
LAB_FOLDER = Path(__file__).parents[1] / "lab" / "backbone"
"""Weights in bfloat16, tokenizer, chat template and model card; `make lab-backbone` trains them again."""
