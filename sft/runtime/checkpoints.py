"""Checkpoints that a killed job can trust.

The trainer writes a checkpoint file by file from several ranks and leaves no mark of completion, so a mark
is written here once every rank has finished. Only marked checkpoints are resumed from.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

COMPLETE_MARK = "complete"


class MarkComplete(TrainerCallback):
    """Marks a checkpoint as complete after all ranks have written their part of it."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Wait for the other ranks, then let rank 0 write the mark."""
        dist.barrier()
        if state.is_world_process_zero:
            assert args.output_dir is not None
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE_MARK).touch()


def newest_complete(folder: Path) -> Path | None:
    """The complete checkpoint of the highest step in `folder`, or None."""
    complete = [mark.parent for mark in folder.glob(f"checkpoint-*/{COMPLETE_MARK}")]
    return max(complete, key=_step, default=None)


def remove_incomplete(folder: Path) -> None:
    """Delete checkpoints that a job died writing, so that no stale file mixes with new ones."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE_MARK).exists():
            shutil.rmtree(checkpoint)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The trainer state of a complete checkpoint, with `global_step` and `max_steps` among others."""
    return json.loads((checkpoint / "trainer_state.json").read_text())


def is_final(checkpoint: Path) -> bool:
    """Whether training ended with this checkpoint."""
    state = read_state(checkpoint)
    return state["global_step"] >= state["max_steps"]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))
