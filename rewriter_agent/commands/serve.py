"""`rewriter-agent serve`: the rewriting service of a run on Ray Serve, until it is interrupted."""

import logging
import signal
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from ray import serve as ray_serve
from ray.serve.handle import DeploymentHandle

from cluster.session import connect
from rewriter_agent.config import RunConfig
from rewriter_agent.io.console import console
from rewriter_agent.io.files import atomic
from rewriter_agent.serve.access import read_tokens
from rewriter_agent.serve.deployment import RewriterReplica, application
from rewriter_agent.serve.engines import check_service, service_config
from rewriter_agent.serve.serve_config import APPLICATION, REWRITER, Arguments, http_options, serve_config


def serve(run: Path, strategy: str | None, host: str, port: int, overrides: Sequence[str]) -> None:
    """Deploy the service, and keep it until the process is interrupted.

    Raises:
        ValueError: the run, the address or the tokens cannot be used.
    """
    config = service_config(run, strategy, overrides)
    read_tokens(config.serve, host)
    # Before the engines start, which takes long.
    port = free_port(host, port)
    with connect(config.cluster, config.output_dir) as machines:
        check_service(config, machines)
        console.say(f"starting the engines of strategy '{config.rewrite.strategy}'")
        with deployed(config, host, port):
            scheme = "https" if config.serve.tls_key else "http"
            shown = f"[{host}]" if ":" in host else host
            console.say(f"serving {config.folder} at {scheme}://{shown}:{port}")
            _wait()
            console.say("answering what the service has taken; interrupt again to stop at once")
    console.say("stopped")


def write_serve_config(arguments: Arguments, port: int, path: Path) -> None:
    """Write the file that `serve deploy` takes.

    Raises:
        ValueError: the run or the tokens cannot be used.
    """
    config = service_config(arguments.run, arguments.strategy, arguments.set)
    read_tokens(config.serve, arguments.host)
    with atomic(path) as temporary:
        temporary.write_text(yaml.safe_dump(serve_config(config, arguments, port), sort_keys=False))
    console.say(f"{path}: deploy it with `serve deploy {path}`")


@contextmanager
def deployed(
    config: RunConfig, host: str, port: int, replica: type = RewriterReplica
) -> Generator[DeploymentHandle]:
    """Deploy the service on the cluster that this process has joined; at the end it answers what it has, and ends.

    `replica` is the class with the engines.

    Raises:
        RuntimeError: it does not start.
    """
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    ray_serve.start(http_options=http_options(config.serve, host, port))
    try:
        ray_serve.run(application(config, host, replica), name=APPLICATION)
        handle = ray_serve.get_deployment_handle(REWRITER, APPLICATION)
        yield handle
        handle.call.remote("drain").result(timeout_s=config.serve.max_seconds)
    finally:
        ray_serve.delete(APPLICATION)
        if not ray_serve.status().applications:
            ray_serve.shutdown()


def _wait() -> None:
    """Return when the process gets SIGINT or SIGTERM."""
    # Ray has put a handler in place that exits.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def free_port(host: str, port: int) -> int:
    """Port that can be listened at; any free one for 0.

    Raises:
        ValueError: the address is in use, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"--host {host} --port {port}: {error.strerror}; choose another (--port 0 takes any free one)"
            ) from None
        return sock.getsockname()[1]
