"""Ends a training before its last step, with a checkpoint that it goes on from."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class StopAt(TrainerCallback):
    """Stops after a step, or as soon as `probe/kl` has reached a limit. Every rank decides the same."""

    def __init__(self, step: int, probe_kl: float | None) -> None:
        self.step = step
        self.probe_kl = probe_kl

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """At the step, which is logged too."""
        if state.global_step >= self.step:
            control.should_log = True
            _stop(control)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """At the limit."""
        if reaches(kwargs["logs"], self.probe_kl):
            _stop(control)


def reaches(line: dict[str, float], probe_kl: float | None) -> bool:
    """Whether a line of metrics is at the limit; never where there is none."""
    return probe_kl is not None and line.get("probe/kl", 0.0) >= probe_kl


def _stop(control: TrainerControl) -> None:
    control.should_save = True
    control.should_training_stop = True
