"""Seconds from a command to its first line and to its first scores: a run in its own process, and one as a Ray job.

`run` starts a cluster in the driver; `launch` starts a head and submits the driver to it. Each is interrupted as soon
as it has scored a shard.
"""

import signal
import subprocess
import sys
import tempfile
import time

from .options import config_options

COMMANDS = {"run": ["run"], "launch": ["launch", "--set=cluster.port=0", "--set=cluster.dashboard_port=0"]}
RUNS = 3
POINTS = {
    "first line of a stage": "[prepare 00:",
    "engines asked for": "starting the backbone",
    "first scores": "scored",
}
"""What a line holds at each point."""


def seconds_to(points: dict[str, str], command: list[str]) -> dict[str, float]:
    """Start the command, and interrupt it at the last point; returns the seconds to each."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    found: dict[str, float] = {}
    output = []
    for line in process.stdout:
        output.append(line)
        for point, sign in points.items():
            if point not in found and sign in line:
                found[point] = time.perf_counter() - start
        if len(found) == len(points):
            process.send_signal(signal.SIGINT)
            break
    process.stdout.read()
    process.wait()
    assert len(found) == len(points), "".join(output[-20:])
    return found


def main() -> int:
    """Print the seconds of each command, three times in turns."""
    options = config_options(__doc__, "configs/demo.yaml")
    print("| command | " + " | ".join(POINTS) + " |\n| --- |" + " ---: |" * len(POINTS))
    for name, command in [*COMMANDS.items()] * RUNS:
        with tempfile.TemporaryDirectory() as folder:
            changes = [f"--set={change}" for change in (*options.set, f"output_dir={folder}")]
            start = [sys.executable, "-u", "-m", "rewriter_agent", command[0], str(options.config)]
            found = seconds_to(POINTS, [*start, *changes, *command[1:]])
        print(f"| `{name}` | " + " | ".join(f"{found[point]:.1f} s" for point in POINTS) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
