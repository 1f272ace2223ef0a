"""`rewriter-agent serve`: the rewriting service of a run on this machine, until it is interrupted."""

import signal
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from rewriter_agent.io.console import console
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.serve.access import read_tokens
from rewriter_agent.serve.app import create_app
from rewriter_agent.serve.engines import service_config, started_service

if TYPE_CHECKING:
    from fastapi import FastAPI

PARALLEL_CONNECTIONS = 2048
"""Connections at a time; more get the status 503."""


def serve(run: Path, strategy: str | None, host: str, port: int, overrides: Sequence[str]) -> None:
    """Start the engines, then answer requests until the process is interrupted.

    Raises:
        ValueError: the run, the address or the tokens cannot be used.
    """
    config = service_config(run, strategy, overrides)
    tokens = read_tokens(config.serve, host)
    # Before the engines start, which takes long.
    with listening(host, port) as sock, started_service(config) as service:
        app = create_app(service, config.serve, tokens, RunFolder(config.folder).batches)
        shown = f"[{host}]" if ":" in host else host
        # Before the address is told: a client may connect as soon as it is.
        sock.listen(PARALLEL_CONNECTIONS)
        console.say(f"serving {config.folder} at http://{shown}:{sock.getsockname()[1]}")
        _run(app, sock, config.serve.max_seconds)


def _run(app: "FastAPI", sock: socket.socket, patience: float) -> None:
    # uvicorn raises the signal again when it has stopped, and Ray has put a handler in place that exits with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make_server(app, patience).run(sockets=[sock])
    except KeyboardInterrupt:
        console.say("stopped")


def make_server(app: "FastAPI", patience: float) -> uvicorn.Server:
    """Make a server that answers what it has before it stops, for at most `patience` seconds."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            # Requests hold the users' texts, so no line is written about them.
            access_log=False,
            log_level="warning",
            limit_concurrency=PARALLEL_CONNECTIONS,
            timeout_graceful_shutdown=int(patience),
            server_header=False,
        )
    )


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """Take the address for this process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"--host {host} --port {port}: {error.strerror}; choose another (--port 0 takes any free one)"
            ) from None
        yield sock
