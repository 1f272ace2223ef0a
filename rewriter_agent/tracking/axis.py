"""What metrics are drawn against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """The names of a kind of metrics, and the one of them that all are drawn against."""

    prefix: str
    step: str

    def name(self, metric: str) -> str:
        """A metric's full name."""
        return f"{self.prefix}/{metric}"


TRAINING_STEP = "train/global_step"
"""Defined by transformers' callback, for every metric of a training."""
REWRITING = Axis("rewrite", "rewrite/problems")
"""Problems done: shards may differ in size, and a job that goes on begins where it was."""
EVALUATION = Axis("eval", TRAINING_STEP)
"""Optimiser steps that the model was fine-tuned for, 0 for the base model: beside the training's own curves."""
