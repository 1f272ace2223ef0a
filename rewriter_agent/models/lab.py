"""The laboratory's backbone, where `make lab-backbone` puts it."""

from pathlib import Path

LAB = "lab"
LAB_FOLDER = Path(__file__).parents[1] / "lab" / "backbone"
"""Weights, tokenizer and model card."""


def lab_folder() -> Path:
    """Folder of the model in bfloat16 with tokenizer, chat template and card.

    Raises ValueError where the weights are not there.
    """
    if not (LAB_FOLDER / "config.json").is_file():
        raise ValueError(
            f"model.name_or_path: {LAB!r} has no weights in {LAB_FOLDER}; run `make lab-backbone`, which makes "
            "them, or name another model"
        )
    return LAB_FOLDER
