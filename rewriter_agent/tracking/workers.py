"""Environment of a training process, which configures transformers' own tracking callbacks."""

from pathlib import Path

from rewriter_agent.config import RunConfig

from .tensorboard import event_folder
from .wandb_runs import run_group, run_id, wandb_mode


def worker_env(config: RunConfig, folder: Path, threads: int) -> dict[str, str]:
    """Set the number of threads and the destination of metrics; `folder` receives the results.

    A resumed training also resumes its W&B run.
    """
    env = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }
    if config.tracking.report_to == "wandb":
        return env | _wandb_env(config, folder)
    if config.tracking.report_to == "tensorboard":
        return env | {"TENSORBOARD_LOGGING_DIR": str(event_folder(folder).absolute())}
    return env


def _wandb_env(config: RunConfig, folder: Path) -> dict[str, str]:
    return {
        "WANDB_PROJECT": config.tracking.project,
        "WANDB_RUN_GROUP": run_group(config),
        "WANDB_JOB_TYPE": folder.name,
        "WANDB_DIR": str(folder.absolute()),
        "WANDB_RUN_ID": run_id(folder),
        "WANDB_RESUME": "allow",
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_MODE": wandb_mode(),
    }
