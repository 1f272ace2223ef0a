"""A run as a Ray job on a cluster that is there already."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cluster.head import ray_command
from rewriter_agent.config import load_config
from rewriter_agent.tracking.workers import PASSED_ON

ADDRESS = "RAY_API_SERVER_ADDRESS"
THIS_MACHINE = "http://127.0.0.1:8265"
NOT_SENT = [".venv", "runs", ".git"]


def submit(config_path: Path, overrides: list[str], seeds: Sequence[int] = ()) -> int:
    """`ray job submit` of `run CONFIG`, from a copy of the working directory; returns its exit status.

    The job has this process's W&B and Hugging Face environment. A config elsewhere has to be there on the head, too.
    """
    config = load_config(config_path, overrides)
    whole, copied = config_path.resolve(), Path.cwd()
    path = whole.relative_to(copied) if whole.is_relative_to(copied) else whole
    command = ["python", "-m", "rewriter_agent", "run", str(path)]
    command += ["--seeds", *map(str, seeds)] if seeds else []
    command += [f"--set={override}" for override in overrides]
    # Ray removes the job's copy of the working directory, results and all.
    command += [f"--set=output_dir={config.output_dir.absolute()}"]
    environment = {"excludes": NOT_SENT, "env_vars": _passed_on()}
    # In a file that only its owner can read: others see what is on a command line.
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(environment, file)
        file.flush()
        where = ["--address", os.environ.get(ADDRESS, THIS_MACHINE)]
        options = [*where, "--working-dir", ".", "--runtime-env", file.name]
        return subprocess.run([ray_command(), "job", "submit", *options, "--", *command]).returncode


def _passed_on() -> dict[str, str]:
    return {key: os.environ[key] for key in (*PASSED_ON, "WANDB_MODE") if key in os.environ}
