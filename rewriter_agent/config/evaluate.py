"""What is measured on every model: the task, and what it could do before."""

from pydantic import Field, field_validator

from ..lab.skills import SKILLS
from .base import Strict

HARNESS_TASKS = ("arc_easy", "sciq", "sciq_generate")
"""Through lm-evaluation-harness."""
LAB_PREFIX = "lab_"
LAB_TASKS = tuple(f"{LAB_PREFIX}{skill}" for skill in SKILLS)
"""The laboratory's skills."""
ALL_LAB_TASKS = "lab"
"""Stands for all of them."""


class EvaluateConfig(Strict):
    """Greedy accuracy on the test problems, and retention tasks that the training data does not touch."""

    max_completion_length: int = Field(192, gt=0)
    """Longest answer to a test problem, in tokens; what is longer is cut and counted as unfinished."""
    retention: list[str] = Field(list(HARNESS_TASKS), min_length=1)
    """`arc_easy` and `sciq`: lm-evaluation-harness multiple choice by log-likelihood. `sciq_generate`:
    the model reads a passage through its chat template and answers in a few words. `lab_<skill>`: a skill
    of the laboratory; `lab` stands for all of them."""
    retention_limit: int = Field(60, ge=2)
    """Items of each retention task, sampled with `seed`."""
    seed: int = 0
    """Chooses the retention items. The same for every model, so that answers can be compared one by one."""

    @field_validator("retention")
    @classmethod
    def _known_tasks(cls, names: list[str]) -> list[str]:
        """Each task once, the shorthand spelt out."""
        allowed = (*HARNESS_TASKS, *LAB_TASKS, ALL_LAB_TASKS)
        unknown = [name for name in names if name not in allowed]
        if unknown:
            raise ValueError(f"no task is called {', '.join(unknown)}; choose among {', '.join(allowed)}")
        spelt_out = (LAB_TASKS if name == ALL_LAB_TASKS else (name,) for name in names)
        return list(dict.fromkeys(task for tasks in spelt_out for task in tasks))
