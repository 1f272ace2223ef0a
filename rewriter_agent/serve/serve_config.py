"""Serve configs: what `serve deploy` and a RayService on Kubernetes need to start the service."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from rewriter_agent.config import RunConfig
from rewriter_agent.config.serve import ServeConfig

APPLICATION, REWRITER, INGRESS = "rewriter-agent", "rewriter", "ingress"
IMPORT_PATH = "rewriter_agent.serve.deployment:build"


class Arguments(BaseModel):
    """Arguments of the application in a Serve config."""

    model_config = ConfigDict(extra="forbid")

    run: Path
    """Folder of a run, or a config file, on every node."""
    strategy: str | None = None
    """Strategy instead of the run's."""
    set: list[str] = []
    """Config keys to override."""
    host: str = "0.0.0.0"
    """Address that HTTP is served at; without a token only this machine's own is allowed."""


def serve_config(config: RunConfig, arguments: Arguments, port: int) -> dict[str, Any]:
    """Content of a Serve config; another `rewriter` in it is loaded without losing a request."""
    return {
        "proxy_location": "EveryNode",
        "http_options": http_options(config.serve, arguments.host, port),
        "applications": [
            {
                "name": APPLICATION,
                "route_prefix": "/",
                "import_path": IMPORT_PATH,
                "args": arguments.model_dump(mode="json"),
                "deployments": [{"name": REWRITER, "user_config": user_config(config)}],
            }
        ],
    }


def user_config(config: RunConfig) -> dict[str, str | None]:
    """Settings of the engines' deployment that change without a restart."""
    return {"rewriter": str(config.rewrite.rewriter) if config.rewrite.rewriter else None}


def http_options(config: ServeConfig, host: str, port: int) -> dict[str, Any]:
    """Options of Serve's HTTP proxies."""
    files = {"ssl_certfile": config.tls_certificate, "ssl_keyfile": config.tls_key}
    return {"host": host, "port": port, **{name: str(file) for name, file in files.items() if file}}
