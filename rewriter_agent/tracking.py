"""W&B through its own library: online where the user is logged in, offline files otherwise."""

import os
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from .config import RunConfig

Mode = Literal["online", "offline", "disabled", "shared"]


def worker_env(config: RunConfig, folder: Path, threads: int) -> dict[str, str]:
    """Environment of a training process: its threads, and where and how W&B writes."""
    env = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "WANDB_PROJECT": config.tracking.project,
        "WANDB_RUN_GROUP": config.name,
        "WANDB_DIR": str(folder.absolute()),
        "WANDB_SILENT": "true",
        "WANDB_MODE": wandb_mode(),
    }
    return env | {
        key: os.environ[key] for key in ("WANDB_API_KEY", "WANDB_ENTITY", "HF_TOKEN") if key in os.environ
    }


def wandb_resume(folder: Path) -> dict[str, str]:
    """Environment by which a training that goes on in `folder` goes on with its W&B run, too."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"WANDB_RUN_ID": _run_id(folder / "wandb_id"), "WANDB_RESUME": "allow"}


def wandb_mode() -> Mode:
    """The user's `WANDB_MODE`; else `online` where a key is known, `offline` where none is."""
    if "WANDB_MODE" in os.environ:
        return cast(Mode, os.environ["WANDB_MODE"])
    import wandb

    return "online" if wandb.login(prompt=False) else "offline"


@contextmanager
def wandb_log(config: RunConfig, folder: Path) -> Generator[Callable[[dict[str, Any]], None]]:
    """A function that logs a stage's metrics at their `step`; it does nothing where `tracking.report_to` is `none`.

    A stage that goes on goes on with its W&B run, too.
    """
    if config.tracking.report_to == "none":
        yield lambda row: None
        return
    import wandb

    with wandb.init(
        project=config.tracking.project,
        group=config.name,
        name=f"{config.name}-{folder.name}",
        dir=folder.absolute(),
        id=_run_id(folder / "wandb_id"),
        resume="allow",
        mode=wandb_mode(),
        settings=wandb.Settings(silent=True, console="off"),
    ) as run:
        yield lambda row: run.log(row, step=row["step"])


def _run_id(path: Path) -> str:
    """Kept with the stage's results, so that other results have another run."""
    if not path.exists():
        path.write_text(uuid.uuid4().hex[:16])
    return path.read_text()
