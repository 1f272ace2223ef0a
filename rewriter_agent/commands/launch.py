"""A run as a Ray job on this machine: start a head, submit, follow, stop."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.head import Head, local_head
from rewriter_agent.config import load_config
from rewriter_agent.io.console import console

from .ray_job import run_job


def launch(config_path: Path, overrides: list[str], seeds: Sequence[int] = (), verbose: bool = False) -> int:
    """Submit `rewriter-agent run` to a cluster started for it.

    Returns 0 if the job finished, 1 if it failed, 130 on Ctrl-C.
    """
    config = load_config(config_path, overrides)
    # Imported here: a wrong config is reported before that.
    from .inputs import check_inputs

    check_inputs(config)
    with local_head(config.cluster) as head:
        # The token is not printed: anyone who has it can run code as this user.
        console.say(f"Ray dashboard: {head.address}")
        command = [sys.executable, "-u", "-m", "rewriter_agent", "run", str(config_path.absolute())]
        command += [f"--set={override}" for override in overrides]
        # No machine will join this cluster, so waiting for one is pointless.
        command += [f"--set=output_dir={config.output_dir.absolute()}", "--set=cluster.wait_timeout=0"]
        command += ["--seeds", *map(str, seeds)] if seeds else []
        command += ["--verbose"] if verbose else []
        return run_here(head, command)


def run_here(head: Head, command: list[str]) -> int:
    """Submit the command to the head's cluster and follow it; returns the exit status as `launch` does."""
    # `-C`: the job runs in the user's working directory, to which relative paths in the config refer. RAY_ADDRESS: Ray
    # gives a job the address of the cluster started last on the machine, even if it was submitted to another.
    env = ["env", "-C", str(Path.cwd()), f"RAY_ADDRESS={head.cluster}"]
    try:
        return run_job(head.address, [*env, *command], {}, head.token)
    except KeyboardInterrupt:
        console.say("interrupted: stopping the job and its cluster; re-run the same command to resume")
        return 130
