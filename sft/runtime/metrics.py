"""One line of JSON per logging step, for progress displays and reports."""

import json
import os
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

OURS = ("step", "max_steps", "elapsed", "staleness")
"""What a line has beside the trainer's own metrics."""


class MetricsWriter(TrainerCallback):
    """Rank 0 appends each logged step to a file; a resumed job goes on in it without repeating a step."""

    def __init__(self, path: Path, behavior_step: int | None = None) -> None:
        """`behavior_step` is the step whose model the rows' log-probs are of; None where the trainer samples them."""
        self.path = path
        self.behavior_step = behavior_step
        self.start = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drop the steps after the checkpoint that training goes on from."""
        self.start = time.perf_counter()
        if state.is_world_process_zero:
            truncate_metrics(self.path, state.global_step)
            if before := read_metrics(self.path):
                self.start -= before[-1]["elapsed"]

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the last step too, so that a run shorter than `logging_steps` has metrics."""
        if state.global_step >= state.max_steps:
            control.should_log = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Append a line for a logged step; the summary at the end of training has no `loss`, so none."""
        logs: dict[str, float] = kwargs["logs"]
        if state.is_world_process_zero and "loss" in logs:
            line = {
                "step": state.global_step,
                "max_steps": state.max_steps,
                "elapsed": round(time.perf_counter() - self.start, 3),
            }
            if self.behavior_step is not None:
                # Steps that the model of this one had taken since.
                line["staleness"] = state.global_step - 1 - self.behavior_step
            line |= logs
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")


class LogAgain(TrainerCallback):
    """Tells W&B the last steps before a checkpoint once more when training goes on from there.

    W&B writes to disk every few seconds, so that of a killed process the last steps may be missing, and no others
    follow that have their place. Comes after MetricsWriter and transformers' own W&B callback.
    """

    def __init__(self, path: Path, seconds: float = 60.0) -> None:
        """`path` is MetricsWriter's; steps of the last `seconds` of training are told."""
        self.path = path
        self.seconds = seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the steps that MetricsWriter has kept."""
        lines = read_metrics(self.path) if state.is_world_process_zero else []
        for line in lines:
            if line["elapsed"] > lines[-1]["elapsed"] - self.seconds:
                self.tell(line)

    def tell(self, line: dict[str, float]) -> None:
        """Log one of MetricsWriter's lines, as the W&B callback has."""
        import wandb
        from transformers.integrations.integration_utils import rewrite_logs

        logs = {name: value for name, value in line.items() if name not in OURS}
        wandb.log({**rewrite_logs(logs), "train/global_step": line["step"]})


def finish_reporting(report_to: str) -> None:
    """Write out what transformers' W&B callback has logged: Ray ends a worker without asking its libraries."""
    if report_to == "wandb":
        import wandb

        wandb.finish()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The logged steps in order; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    # What follows the last newline is empty, or a line whose writer was killed.
    return [json.loads(line) for line in lines[:-1]]


def truncate_metrics(path: Path, last_step: int) -> None:
    """Keep the lines up to and including `last_step`."""
    kept = [line for line in read_metrics(path) if line["step"] <= last_step]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
    os.replace(temporary, path)
