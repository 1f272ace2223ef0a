"""Memory of the service over many rows, on Ray Serve with fake engines: `python -m benchmarks.service_memory`.

Exits with 1 if a process grows between the middle and the end, or a row has no rewrite.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator

import psutil

from cluster.session import connect
from rewriter_agent.client import AsyncRewriter
from rewriter_agent.serve.schema import Rewrite
from tests.helpers.fake_deployment import fake_deployment
from tests.helpers.fake_service import ROW, service_config

PER_REQUEST, AT_ONCE = 100, 4
GROWTH_MB = 100.0
"""MiB by which a process may grow between the middle and the end."""
NAMES = ("ServeReplica", "ProxyActor", "ServeController")


def main() -> None:
    """Print the rate and the memory of each process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = service_config(output_dir=folder)
        with connect(config.cluster), fake_deployment(config) as address:
            sys.exit(asyncio.run(_run(address, options.count)))


async def _run(address: str, count: int) -> int:
    """Send `count` rows; 1 if the service has a fault."""
    rewritten, memory, start = 0, {}, time.monotonic()
    async with AsyncRewriter(address) as client:

        async def send(firsts: Iterator[int]) -> int:
            found = 0
            for first in firsts:
                rows = [{**ROW, "question": f"Question {first + number}?"} for number in range(PER_REQUEST)]
                async for _, answer in client.rewrite_many(rows):
                    found += isinstance(answer, Rewrite)
            return found

        for done in range(0, count, count // 4):
            firsts = iter(range(done, done + count // 4, PER_REQUEST))
            rewritten += sum(await asyncio.gather(*(send(firsts) for _ in range(AT_ONCE))))
            memory[done + count // 4] = memory_of_service()
    seconds = time.monotonic() - start
    print(f"{rewritten} of {count} rows rewritten, {count / seconds:.0f} a second")
    return int(rewritten != count or print_memory(memory) > GROWTH_MB)


def memory_of_service() -> dict[str, float]:
    """MiB of each process of Serve that only it uses."""
    sizes: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        name = " ".join(process.cmdline())
        if process.is_running() and any(part in name for part in NAMES):
            # While a method runs, its name follows that of the actor.
            key = name.removeprefix("ray::").split()[0].partition(".")[0]
            sizes[key] = sizes.get(key, 0.0) + process.memory_full_info().uss / 1024**2
    return sizes


def print_memory(memory: dict[int, dict[str, float]]) -> float:
    """Print the sizes by rows or requests done; the largest growth of a process in the second half."""
    for done, sizes in memory.items():
        print(f"{done:>8} " + ", ".join(f"{name} {size:.0f} MiB" for name, size in sorted(sizes.items())))
    middle, end = list(memory)[len(memory) // 2 - 1], list(memory)[-1]
    growth = max(size - memory[middle].get(name, 0.0) for name, size in memory[end].items())
    print(f"growth in the second half {growth:.0f} MiB")
    return growth


if __name__ == "__main__":
    main()
