"""lm-evaluation-harness: its task definitions by name, and its remarks off the terminal."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lm_eval.api.task import Task
    from lm_eval.tasks import TaskManager


@dataclass(frozen=True)
class Definitions:
    """Task definitions that can be loaded, and the names that they have."""

    manager: TaskManager
    names: list[str]

    def load(self, name: str) -> dict[str, Task]:
        """A task's, a group's or a tag's tasks by name, with their data; what loading data raises goes through."""
        return self.manager.load(name)["tasks"]


def definitions(name: str, include_path: Path | None) -> Definitions:
    """Find the folders that have the task `name`, or all folders.

    The index of all reads fourteen thousand files, which takes ten seconds or more.

    Raises:
        ValueError: `include_path` is no folder.
    """
    from lm_eval.tasks import TaskManager

    if include_path:
        if not include_path.is_dir():
            raise ValueError(f"evaluate.include_path: there is no folder {include_path}")
        own = TaskManager(include_path=str(include_path), include_defaults=False)
        if name in own.all_subtasks:
            return Definitions(own, own.all_tasks)
    elif folder := _folder(name):
        near = TaskManager(include_path=str(folder), include_defaults=False)
        return Definitions(near, near.all_tasks)
    everything = _everything(include_path)
    return Definitions(everything, everything.all_tasks)


@cache
def _everything(include_path: Path | None) -> TaskManager:
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(include_path) if include_path else None)


def _folder(name: str) -> Path | None:
    """The folder with a task's definition, where the file is named like the task."""
    from lm_eval import tasks

    found = list(Path(tasks.__file__).parent.glob(f"*/{name}.yaml"))
    is_task = len(found) == 1 and f"task: {name}" in found[0].read_text(encoding="utf-8").splitlines()
    return found[0].parent if is_task else None


@contextmanager
def quiet() -> Generator[None]:
    """Keep remarks on task definitions and progress bars off the terminal."""
    import datasets

    logger = logging.getLogger("lm_eval")
    level, bars = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        # The bar over one task's documents has no option of its own; `environment.py` sets TQDM_DISABLE.
        yield
    finally:
        logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()
