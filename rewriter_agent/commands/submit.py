"""Submission of a run as a Ray job to an existing cluster."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from cluster.credentials import hand_over, write_credentials
from cluster.loopback import is_loopback
from cluster.token import protect_token
from rewriter_agent.config import load_config
from rewriter_agent.io.console import console

from .ray_job import run_job

ADDRESS = "RAY_API_SERVER_ADDRESS"
THIS_MACHINE = "http://127.0.0.1:8265"
NOT_SENT = [".venv", "runs", ".git"]


def submit(config_path: Path, overrides: list[str], seeds: Sequence[int] = (), verbose: bool = False) -> int:
    """Submit `run CONFIG` from a copy of the working directory, follow it, and return 0 if it succeeded.

    The job gets this process's W&B and Hugging Face environment from a file in `output_dir`, which it removes. A config
    outside the working directory must exist on the head, too.
    """
    config = load_config(config_path, overrides)
    address = os.environ.get(ADDRESS) or THIS_MACHINE
    protect_token()
    path = write_credentials(config.output_dir.absolute())
    if path and not is_loopback(urlsplit(address).hostname):
        console.say(f"the job reads keys and tokens from {path}, which must also exist on the head")
    runtime_env = {"working_dir": ".", "excludes": NOT_SENT, **(hand_over(path) if path else {})}
    command = _command(config_path, overrides, seeds, config.output_dir)
    try:
        return run_job(address, [*command, "--verbose"] if verbose else command, runtime_env)
    except ValueError:
        # No job has started that would remove the file.
        if path:
            path.unlink(missing_ok=True)
        raise


def _command(config_path: Path, overrides: list[str], seeds: Sequence[int], output_dir: Path) -> list[str]:
    whole, copied = config_path.resolve(), Path.cwd()
    path = whole.relative_to(copied) if whole.is_relative_to(copied) else whole
    command = ["python", "-m", "rewriter_agent", "run", str(path)]
    command += ["--seeds", *map(str, seeds)] if seeds else []
    command += [f"--set={override}" for override in overrides]
    # Ray removes the job's copy of the working directory, including results.
    return [*command, f"--set=output_dir={output_dir.absolute()}"]
