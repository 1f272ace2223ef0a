"""Axes of metrics."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A group of metrics and the step metric that all are plotted against."""

    prefix: str
    step: str

    def name(self, metric: str) -> str:
        """A metric's full name."""
        return f"{self.prefix}/{metric}"


TRAINING_STEP = "train/global_step"
"""Step metric that transformers' callback defines for every metric of a training."""
REWRITING = Axis("rewrite", "rewrite/problems")
"""Axis over the number of problems done, since shards may differ in size and a job may resume."""
EVALUATION = Axis("eval", TRAINING_STEP)
"""Axis over the optimiser steps of the fine-tuning (0 for the base model), shared with the training's curves."""
