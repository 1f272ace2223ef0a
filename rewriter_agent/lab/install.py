"""Installation of a finished backbone under its model name."""

import shutil
from pathlib import Path

from rewriter_agent.io.files import atomic


def install(folder: Path, target: Path) -> None:
    """Copy model and card of the pre-training run in `folder` to `target`, replacing its content.

    `target` is never half a model: if killed at the worst moment, it is missing, and the old one is next to it.
    """
    with atomic(target) as temporary:
        # Copy the content without permissions: weights are saved readable by their owner only.
        shutil.copytree(folder / "model", temporary, copy_function=shutil.copyfile)
        for name in ("card.json", "README.md"):
            shutil.copyfile(folder / name, temporary / name)
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
    shutil.rmtree(old, ignore_errors=True)
