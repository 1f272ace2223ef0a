"""A run as a Ray job on this machine: start a head, submit, follow, stop."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.head import Head, local_head, ray_command
from rewriter_agent.config import load_config


def launch(config_path: Path, overrides: list[str], seeds: Sequence[int] = ()) -> int:
    """Submit `rewriter-agent run` to a cluster started for it.

    Returns 0 if the job finished, 1 if it failed, 130 on Ctrl-C.
    """
    config = load_config(config_path, overrides)
    with local_head(config.cluster) as head:
        print(f"Ray dashboard: {head.address} (token {head.token})", flush=True)
        command = [sys.executable, "-u", "-m", "rewriter_agent", "run", str(config_path.absolute())]
        command += [f"--set={override}" for override in overrides]
        # Nothing will come to this cluster, and nobody else uses it.
        command += [f"--set=output_dir={config.output_dir.absolute()}", "--set=cluster.wait_timeout=0"]
        command += ["--seeds", *map(str, seeds)] if seeds else []
        return run_job(head, command)


def run_job(head: Head, command: list[str]) -> int:
    """Submit the command to the head's cluster and follow it; the exit status as of `launch`."""
    submit = [ray_command(), "job", "submit", "--address", head.address]
    # `-C`: the job runs where the user is, so that relative paths in the config mean the same. And Ray gives a job the
    # address of the cluster that was started last on the machine, whichever it was submitted to.
    env = ["env", "-C", str(Path.cwd()), f"RAY_ADDRESS={head.cluster}"]
    # Unbuffered: the job's lines come as they are written, also into a file or a pipe.
    process = subprocess.Popen([*submit, "--", *env, *command], env=head.env | {"PYTHONUNBUFFERED": "1"})
    try:
        return process.wait()
    except KeyboardInterrupt:
        print("interrupted: stopping the job and its cluster; the same command goes on from here", flush=True)
        process.terminate()
        process.wait()
        return 130
