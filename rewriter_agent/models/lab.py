"""The laboratory's backbones, which come with the package."""

from pathlib import Path

LAB, LAB_LESSONS = "lab", "lab-lessons"
_FOLDER = Path(__file__).parents[1] / "lab"
LAB_FOLDER = _FOLDER / "backbone"
LAB_FOLDERS = {LAB: LAB_FOLDER, LAB_LESSONS: _FOLDER / "backbone-lessons"}
"""Weights in bfloat16, tokenizer, chat template and model card by name; `make lab-backbone` trains them again."""
