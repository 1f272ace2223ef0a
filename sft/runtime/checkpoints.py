"""Checkpoints from which a killed job can resume safely.

transformers writes a checkpoint file by file from several ranks and does not mark its completion. Here rank 0 writes a
mark once every rank has finished, and jobs resume from marked checkpoints only.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

COMPLETE_MARK = "complete"


class MarkComplete(TrainerCallback):
    """Mark a checkpoint as complete once all ranks have written their part."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Wait for all ranks, then write the mark on rank 0."""
        dist.barrier()
        if state.is_world_process_zero:
            assert args.output_dir is not None
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE_MARK).touch()


def newest_complete(folder: Path) -> Path | None:
    """Complete checkpoint with the highest step in `folder`, or None."""
    complete = [mark.parent for mark in folder.glob(f"checkpoint-*/{COMPLETE_MARK}")]
    return max(complete, key=_step, default=None)


def remove_incomplete(folder: Path) -> None:
    """Delete unfinished checkpoints, whose stale files would mix with new ones."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE_MARK).exists():
            shutil.rmtree(checkpoint)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Trainer state of a complete checkpoint, including `global_step` and `max_steps`."""
    return json.loads((checkpoint / "trainer_state.json").read_text())


def is_final(checkpoint: Path) -> bool:
    """Whether this is the checkpoint of the last step."""
    state = read_state(checkpoint)
    return state["global_step"] >= state["max_steps"]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))
