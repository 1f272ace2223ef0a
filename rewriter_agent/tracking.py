"""W&B through its own library: online where the user is logged in, offline files otherwise."""

import os
from pathlib import Path

from .config import RunConfig


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


def wandb_mode() -> str:
    """The user's `WANDB_MODE`; else `online` where a key is known, `offline` where none is."""
    if "WANDB_MODE" in os.environ:
        return os.environ["WANDB_MODE"]
    import wandb

    return "online" if wandb.login(prompt=False) else "offline"
