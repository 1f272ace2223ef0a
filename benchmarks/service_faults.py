"""Rows to the service on Ray Serve, with fake engines, while its processes are killed at random.

`python -m benchmarks.service_faults`

Proxy, ingresses and the process of the engines are killed at random. Each row is answered by the target that an
undisturbed service gives, or refused by a clear code; a batch that runs all the while has each row once. Exits with 1
otherwise.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from typing import Any

import httpx2
import psutil

from cluster.session import connect
from rewriter_agent.client import AsyncRewriter, RefusedError
from rewriter_agent.config import RunConfig
from rewriter_agent.serve.schema import Row
from tests.helpers.fake_deployment import fake_deployment
from tests.helpers.fake_service import ROW, fake_service, service_config

AT_ONCE, BATCH_ROWS = 16, 2000
KILLED = ("ServeReplica:rewriter-agent:ingress", "ServeReplica:rewriter-agent:rewriter", "ProxyActor")


def main() -> None:
    """Print how rows were answered, and how many processes were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pause", type=float, default=20, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = service_config(output_dir=folder)
        with connect(config.cluster), fake_deployment(config, seconds=0.05) as address:
            sys.exit(asyncio.run(_run(address, config, options)))


async def _run(address: str, config: RunConfig, options: argparse.Namespace) -> int:
    outcomes: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    rng, end = random.Random(options.seed), time.monotonic() + options.seconds
    batch = await asyncio.to_thread(_upload, address)
    expected = fake_service(config=config)

    async def ask(worker: int) -> None:
        number = worker
        async with AsyncRewriter(address) as client:
            while time.monotonic() < end:
                outcomes[await _outcome(client, _row(number), expected)] += 1
                number += AT_ONCE

    async def kill() -> None:
        while time.monotonic() < end - options.pause:
            await asyncio.sleep(options.pause)
            killed[await asyncio.to_thread(_kill_one, rng)] += 1

    await asyncio.gather(kill(), *(ask(worker) for worker in range(AT_ONCE)))
    lines = await asyncio.to_thread(_results, address, batch)
    ids = {line["rewrite"]["id"] for line in lines if "rewrite" in line}
    is_whole = len(lines) == len(ids) == BATCH_ROWS
    print(f"killed: {dict(killed)}")
    print(f"rows: {dict(outcomes)}")
    print(f"batch of {BATCH_ROWS}: {len(lines)} lines, {len(ids)} different rows")
    return int(bool(outcomes["wrong"]) or bool(outcomes["no clear answer"]) or not is_whole)


async def _outcome(client: AsyncRewriter, row: dict[str, Any], expected: Any) -> str:
    try:
        answer = await client.rewrite(**row)
    except RefusedError as refused:
        return "no clear answer" if refused.code == "error" else refused.code
    except httpx2.TransportError:
        return "no clear answer"
    same = await asyncio.to_thread(expected.rewrite, Row(**row))
    return "right" if answer.target == same.target else "wrong"


def _row(number: int) -> dict[str, Any]:
    return {**ROW, "question": f"Question {number}?"}


def _kill_one(rng: random.Random) -> str:
    """Kill a process of a random kind; its name."""
    name = rng.choice(KILLED)
    found = [one for one in psutil.Process().children(recursive=True) if name in " ".join(one.cmdline())]
    if not found:
        return f"{name}: not there"
    rng.choice(found).kill()
    return name


def _upload(address: str) -> str:
    rows = "".join(json.dumps(_row(-1 - number)) + "\n" for number in range(BATCH_ROWS))
    return httpx2.post(f"{address}/v1/batches", content=rows, timeout=60).json()["id"]


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
