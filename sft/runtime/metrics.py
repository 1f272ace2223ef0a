"""Metrics as one JSON line per logging step, for progress displays and reports."""

import json
import os
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

WRITER_KEYS = ("step", "max_steps", "elapsed", "staleness")
"""Keys that MetricsWriter adds to the trainer's metrics."""


class MetricsWriter(TrainerCallback):
    """Append each logged step to a file, on rank 0. A resumed job continues the file without repeating a step."""

    def __init__(self, path: Path, behavior_step: int | None = None) -> None:
        """`behavior_step` is the step of the model of the rows' log-probs; None if the trainer samples rows."""
        self.path = path
        self.behavior_step = behavior_step
        self.start = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drop the steps after the checkpoint that training resumes from."""
        self.start = time.perf_counter()
        if state.is_world_process_zero:
            truncate_metrics(self.path, state.global_step)
            if before := read_metrics(self.path):
                self.start -= before[-1]["elapsed"]

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the last step as well: a run shorter than `logging_steps` needs metrics too."""
        if state.global_step >= state.max_steps:
            control.should_log = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Append a line for a logged step. The summary at the end of training has no `loss` and is skipped."""
        logs: dict[str, float] = kwargs["logs"]
        if state.is_world_process_zero and "loss" in logs:
            line = {
                "step": state.global_step,
                "max_steps": state.max_steps,
                "elapsed": round(time.perf_counter() - self.start, 3),
            }
            if self.behavior_step is not None:
                # Steps that the student has taken since the model of the log-probs.
                line["staleness"] = state.global_step - 1 - self.behavior_step
            line |= logs
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")


class ReplayLog(TrainerCallback):
    """Log the last steps before a checkpoint to W&B again when training resumes from it.

    W&B writes to disk every few seconds. The last steps of a killed process may be missing, and the resumed process
    does not compute them again. Must come after MetricsWriter and transformers' W&B callback.
    """

    def __init__(self, path: Path, seconds: float = 60.0) -> None:
        """`path` is the file of MetricsWriter; the steps of its last `seconds` of training are logged again."""
        self.path = path
        self.seconds = seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the steps that MetricsWriter has kept in its file."""
        lines = read_metrics(self.path) if state.is_world_process_zero else []
        for line in lines:
            if line["elapsed"] > lines[-1]["elapsed"] - self.seconds:
                self.replay(line)

    def replay(self, line: dict[str, float]) -> None:
        """Log a line of MetricsWriter in the way of transformers' W&B callback."""
        import wandb

        # The trainers do not evaluate: all metrics are of training.
        logs = {f"train/{name}": value for name, value in line.items() if name not in WRITER_KEYS}
        wandb.log({**logs, "train/global_step": line["step"]})


def finish_reporting(report_to: str) -> None:
    """Flush the W&B run of transformers' callback: Ray ends workers without running exit handlers."""
    if report_to == "wandb":
        import wandb

        wandb.finish()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Logged steps in order, without a last line that a kill has cut short."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    # The text after the last newline is empty, or a line whose writer was killed.
    return [json.loads(line) for line in lines[:-1]]


def truncate_metrics(path: Path, last_step: int) -> None:
    """Drop the lines after `last_step`."""
    kept = [line for line in read_metrics(path) if line["step"] <= last_step]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
    os.replace(temporary, path)
