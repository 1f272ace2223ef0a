"""Stop a training before its last step, with a checkpoint to resume from."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class StopAt(TrainerCallback):
    """Stop after a step, or when `probe/kl` reaches a limit. All ranks see the same values and stop together."""

    def __init__(self, step: int, probe_kl: float | None) -> None:
        self.step = step
        self.probe_kl = probe_kl

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop at the step, and log it."""
        if state.global_step >= self.step:
            control.should_log = True
            _stop(control)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop at the limit."""
        if reached_kl(kwargs["logs"], self.probe_kl):
            _stop(control)


def reached_kl(line: dict[str, float], probe_kl: float | None) -> bool:
    """Whether a line of metrics has reached the limit; False without a limit."""
    return probe_kl is not None and line.get("probe/kl", 0.0) >= probe_kl


def _stop(control: TrainerControl) -> None:
    control.should_save = True
    control.should_training_stop = True
