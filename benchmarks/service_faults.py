"""Rows to the service on Ray Serve at saturation, while its processes are killed at random.

`python -m benchmarks.service_faults` has fake engines, and kills the proxy, the ingresses and the process of the
engines. With a config file it has real engines, which it kills as well, and the verifier's processes.

Each row is answered by the target that an undisturbed service gives, or refused by a clear code; a batch that runs all
the while has each row once. With real engines another candidate may be the best by the last bit of a log-prob; any
text that passed the gate is right then. Exits with 1 otherwise.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from cluster.session import connect
from rewriter_agent.client import AsyncRewriter, RefusedError, Rewriter
from rewriter_agent.commands.serve import deployed, free_port
from rewriter_agent.data.load import load_problems
from rewriter_agent.serve import engines
from rewriter_agent.serve.schema import Rewrite, Row
from tests.helpers.fake_deployment import fake_deployment
from tests.helpers.fake_service import ROW, fake_service, service_config

SERVE = ("ServeReplica:rewriter-agent:ingress", "ServeReplica:rewriter-agent:rewriter", "ProxyActor")
ENGINES = ("VLLMEngine", "reward.sandbox.forkserver")
FAKE_ROWS, REAL_ROWS = 2000, 64
"""Rows of the batch."""
REFUSED_SECONDS = 1
"""Pause of a client that found nothing to connect to."""


@dataclass
class Trial:
    """A service, what it is asked, and what has become of it."""

    address: str
    rows: list[dict[str, Any]]
    targets: list[str]
    """Target of each row by an undisturbed service."""
    kinds: tuple[str, ...]
    """Names of the processes to kill."""
    outcomes: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Print how rows were answered, and how many processes were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, nargs="?", help="a run by prompt, instead of fake engines")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pause", type=float, default=20, help="seconds between kills")
    parser.add_argument("--at-once", type=int, default=16, help="rows in progress")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = _real(options.config, options.set, folder) if options.config else _fake(folder)
        with started as trial:
            sys.exit(asyncio.run(_run(trial, options)))


@contextmanager
def _fake(folder: str) -> Generator[Trial]:
    config = service_config(output_dir=folder)
    undisturbed = fake_service(config=config)
    rows = [{**ROW, "question": f"Question {number}?"} for number in range(FAKE_ROWS)]
    with connect(config.cluster), fake_deployment(config, seconds=0.05) as address:
        yield Trial(
            address, rows, [undisturbed.rewrite(Row.model_validate(row)).target for row in rows], SERVE
        )


@contextmanager
def _real(path: Path, settings: list[str], folder: str) -> Generator[Trial]:
    ours = [f"data.num_train={REAL_ROWS}", *settings, f"output_dir={folder}"]
    config = engines.service_config(path, "best_of_n", ours)
    rows = [
        {"question": one.question, "solution": one.solution, "answer": one.answer}
        for one in load_problems(config.data).train
    ]
    port = free_port("127.0.0.1", 0)
    address = f"http://127.0.0.1:{port}"
    with connect(config.cluster), deployed(config, "127.0.0.1", port), Rewriter(address) as client:
        found = sorted(client.rewrite_many(rows), key=lambda one: one[0])
        targets = [answer.target for _, answer in found if isinstance(answer, Rewrite)]
        yield Trial(address, rows, targets, SERVE + ENGINES)


async def _run(trial: Trial, options: argparse.Namespace) -> int:
    rng, end = random.Random(options.seed), time.monotonic() + options.seconds
    batch = await asyncio.to_thread(_upload, trial)

    async def ask(worker: int) -> None:
        number = worker
        async with AsyncRewriter(trial.address) as client:
            while time.monotonic() < end:
                trial.outcomes[await _outcome(client, trial, number % len(trial.rows))] += 1
                number += options.at_once

    async def kill() -> None:
        while time.monotonic() < end - options.pause:
            await asyncio.sleep(options.pause)
            trial.killed[await asyncio.to_thread(_kill_one, rng, trial.kinds)] += 1

    await asyncio.gather(kill(), *(ask(worker) for worker in range(options.at_once)))
    lines = await asyncio.to_thread(_results, trial.address, batch)
    ids = {line["rewrite"]["id"] for line in lines if "rewrite" in line}
    is_whole = len(lines) == len(ids) == len(trial.rows)
    print(f"killed: {dict(trial.killed)}")
    print(f"rows: {dict(trial.outcomes)}")
    print(f"batch of {len(trial.rows)}: {len(lines)} lines, {len(ids)} different rows")
    return int(bool(trial.outcomes["wrong"]) or bool(trial.outcomes["no clear answer"]) or not is_whole)


async def _outcome(client: AsyncRewriter, trial: Trial, number: int) -> str:
    try:
        answer = await client.rewrite(**trial.rows[number])
    except RefusedError as refused:
        return "no clear answer" if refused.code == "error" else refused.code
    except httpx2.ConnectError:
        # Nothing listens while the proxy is restarted, so the row was not accepted.
        await asyncio.sleep(REFUSED_SECONDS)
        return "no connection"
    except httpx2.TransportError:
        return "no clear answer"
    if answer.target == trial.targets[number]:
        return "right"
    is_real = trial.kinds != SERVE
    return "right, another candidate" if is_real and answer.scores is not None else "wrong"


def _kill_one(rng: random.Random, kinds: tuple[str, ...]) -> str:
    """Kill a process of a random kind; its name."""
    name = rng.choice(kinds)
    found = [one for one in psutil.Process().children(recursive=True) if name in " ".join(one.cmdline())]
    if not found:
        return f"{name}: not there"
    rng.choice(found).kill()
    return name


def _upload(trial: Trial) -> str:
    body = "".join(json.dumps(row) + "\n" for row in trial.rows)
    return httpx2.post(f"{trial.address}/v1/batches", content=body, timeout=60).json()["id"]


def _results(address: str, batch: str) -> list[dict[str, Any]]:
    """Lines of the batch when it is done; requests that meet a dead process are sent again."""
    transport = httpx2.HTTPTransport(retries=10)
    with httpx2.Client(base_url=address, timeout=60, transport=transport) as client:
        while True:
            status = client.get(f"/v1/batches/{batch}")
            if status.is_success and status.json()["state"] == "done":
                return [
                    json.loads(line) for line in client.get(f"/v1/batches/{batch}/results").text.splitlines()
                ]
            time.sleep(1)


if __name__ == "__main__":
    main()
