"""What is measured on every model: the task, and what it could do before."""

from typing import Literal

from pydantic import Field

from .base import Strict

RetentionTask = Literal["arc_easy", "sciq", "sciq_generate"]


class EvaluateConfig(Strict):
    """Greedy accuracy on the test problems, and retention tasks that the training data does not touch."""

    max_completion_length: int = Field(192, gt=0)
    """Longest answer to a test problem, in tokens; what is longer is cut and counted as unfinished."""
    retention: list[RetentionTask] = Field(["arc_easy", "sciq", "sciq_generate"], min_length=1)
    """`arc_easy` and `sciq`: lm-evaluation-harness multiple choice by log-likelihood. `sciq_generate`:
    the model reads a passage through its chat template and answers in a few words."""
    retention_limit: int = Field(60, ge=2)
    """Items of each retention task, sampled with `seed`."""
    seed: int = 0
    """Chooses the retention items. The same for every model, so that answers can be compared one by one."""
