"""Hostile requests to the service on Ray Serve, with fake engines: `python -m benchmarks.service_hostile`.

Each request is answered by a result or a clear refusal: no status 500, no connection without an answer, no hang, and no
growth of memory. Exits with 1 otherwise.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

from cluster.session import connect
from tests.helpers.fake_deployment import fake_deployment
from tests.helpers.fake_service import ROW, service_config
from tests.helpers.hostile_requests import BODIES, HEADERS, PATHS

from .service_memory import GROWTH_MB, memory_of_service, print_memory

AT_ONCE = 64
PATIENCE = 120.0
"""Seconds after which a request hangs."""
SLOW_SECONDS = 20
"""Longest time of a request in the service; a body has to arrive within a tenth of it."""
SMALL = {name: body for name, body in BODIES.items() if len(body) < 300_000 and "program" not in name}
Exchange = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[str]]


def main() -> None:
    """Print the statuses, the slowest answer and the memory of each process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = service_config(output_dir=folder, serve={"max_seconds": SLOW_SECONDS})
        with connect(config.cluster), fake_deployment(config) as address:
            sys.exit(asyncio.run(attack(address, options.count, random.Random(options.seed))))


async def attack(address: str, count: int, rng: random.Random) -> int:
    """Send `count` requests; 1 if the service has a fault."""
    statuses: Counter[str] = Counter()
    host, port = str(urlsplit(address).hostname), urlsplit(address).port
    start, slowest, memory = time.monotonic(), 0.0, {}
    for done in range(0, count, count // 4):
        kinds = iter([choose(rng) for _ in range(count // 4)])

        async def work(kinds: Iterator[Exchange] = kinds) -> None:
            nonlocal slowest
            for kind in kinds:
                begin = time.monotonic()
                statuses[await answer(str(host), port, kind)] += 1
                slowest = max(slowest, time.monotonic() - begin)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        memory[done + count // 4] = memory_of_service()
    faults = {status: number for status, number in statuses.items() if status in ("500", "nothing", "hang")}
    print(f"{count} requests in {time.monotonic() - start:.0f} s; slowest answer {slowest:.1f} s")
    print("statuses: " + ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items())))
    growth = print_memory(memory)
    print(f"faults: {faults or 'none'}")
    return int(bool(faults) or growth > GROWTH_MB)


def choose(rng: random.Random) -> Exchange:
    """One hostile request."""
    draw = rng.random()
    if draw < 0.002:
        return partial_body(rng)
    if draw < 0.004:
        body = rng.choice([body for body in BODIES.values() if len(body) >= 300_000])
        return whole(post(rng.choice(PATHS), body, {}))
    if draw < 0.05:
        return whole(bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200))) + b"\r\n\r\n")
    if draw < 0.3:
        name = rng.choice(list(HEADERS))
        return whole(post(rng.choice(PATHS), json.dumps(ROW).encode(), HEADERS[name]))
    if draw < 0.4:
        return whole(
            f"GET /{rng.randbytes(8).hex()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
    body = rng.choice(list(SMALL.values())) if draw < 0.8 else mutated(rng)
    return whole(post(rng.choice(PATHS), body, {}))


def mutated(rng: random.Random) -> bytes:
    """A row with some bytes changed."""
    body = bytearray(json.dumps(ROW).encode())
    for _ in range(rng.randrange(1, 6)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A request with a body."""
    lines = {"Host": "localhost", "Content-Type": "application/json", "Connection": "close"}
    lines |= {"Content-Length": str(len(body))} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def whole(request: bytes) -> Exchange:
    """Send all of it, and read the status."""

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(request)
        return await status_of(reader)

    return exchange


def partial_body(rng: random.Random) -> Exchange:
    """Send a part, then wait for the answer, or leave."""
    request = post("/v1/rewrites", json.dumps(ROW).encode(), {})[: -rng.randrange(1, 40)]
    leaves = rng.random() < 0.5

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(request)
        return "left" if leaves else await status_of(reader)

    return exchange


async def status_of(reader: asyncio.StreamReader) -> str:
    """Read the status line; `nothing` if the connection ends without one."""
    line = await reader.readline()
    rest = await reader.read()
    return line.split()[1].decode() if line else "nothing" if not rest else "no status"


async def answer(host: str, port: int | None, exchange: Exchange) -> str:
    """Do one exchange on a connection of its own."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return await exchange(reader, writer)
            finally:
                writer.close()
    except TimeoutError:
        return "hang"
    except ConnectionError:
        # A server may close while the client still sends a body that is refused.
        return "reset"


if __name__ == "__main__":
    main()
