"""The service on Ray Serve: replicas of the HTTP application, and one replica that holds the engines."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig

from cluster.fleet.supervisor import EnginesLostError
from cluster.planning.machine import machines_from_ray
from rewriter_agent.config import RunConfig
from rewriter_agent.data.rows import BadRow
from rewriter_agent.io.console import console
from rewriter_agent.runtime.run_folder import RunFolder

from . import schema
from .access import read_tokens
from .app import create_app
from .core import Answer, Core
from .engines import service_config, started_service
from .errors import ServiceError, describe
from .remote import RemoteCore
from .serve_config import INGRESS, REWRITER, Arguments, user_config
from .service import RewritingService

MANY_REQUESTS = 100_000
"""More than the limits of the section `serve` let in."""


class RewriterReplica:
    """Deployment of the engines, the verifier, the limits and the work on batches. There is one replica."""

    async def __init__(self, config: RunConfig) -> None:
        """Start the engines."""
        self._stack = AsyncExitStack()
        started = self.started(config)
        service = await asyncio.to_thread(started.__enter__)
        self._stack.push(started)
        self.core = Core(service, config.serve, RunFolder(config.folder).batches)
        await self._stack.enter_async_context(self.core.working())

    def started(self, config: RunConfig) -> AbstractContextManager[RewritingService]:
        """Engines that start with the block, and stop with it."""
        return started_service(config, machines_from_ray(ray.nodes()))

    async def reconfigure(self, user_config: dict[str, str | None]) -> None:
        """Serve the rewriter in the folder `rewriter`; null is the run's own. No request is lost.

        A folder that cannot be used is told in the log, and the old rewriter stays: after an error Serve would end it.
        """
        folder = user_config["rewriter"]
        try:
            await asyncio.to_thread(self.core.service.use_rewriter, Path(folder) if folder else None)
        except ValueError as error:
            console.warn(f"rewriter: {folder} is not served: {error}")

    async def call(self, method: str, *arguments: Any) -> Any:
        """Return what a method of the core returns, or its refusal, which Serve would log as a fault."""
        try:
            return await getattr(self.core, method)(*arguments)
        except (ServiceError, BadRow, EnginesLostError) as error:
            return describe(error)

    async def rewrite_many(
        self, token: str, rows: Sequence[schema.Row]
    ) -> AsyncGenerator[tuple[int, Answer | None]]:
        """Yield answers as `Core.rewrite_many` does."""
        async for answer in self.core.rewrite_many(token, rows):
            yield answer

    async def check_health(self) -> None:
        """Raise an error if no engine is left; Serve then replaces this replica."""
        if self.core.service.lost:
            raise RuntimeError(self.core.service.lost)

    async def __del__(self) -> None:
        await self._stack.aclose()


@serve.ingress()
class Ingress:
    """Deployment of the HTTP application: who may ask, what a request must look like, and the pages."""

    def __init__(self, rewriter: DeploymentHandle, config: RunConfig, host: str) -> None:
        self.rewriter = rewriter
        self.config = config
        self.host = host

    def __serve_build_asgi_app__(self) -> Any:
        core = RemoteCore(self.rewriter, self.config.serve.max_seconds)
        tokens = read_tokens(self.config.serve, self.host)
        return create_app(core, self.config, tokens, RunFolder(self.config.folder).batches)


def application(config: RunConfig, host: str, replica: type = RewriterReplica) -> Application:
    """Join both deployments; `host` is the address that HTTP is served at, `replica` the class with the engines."""
    patience = config.serve.max_seconds
    common: dict[str, Any] = {
        # The plan of the run gives the cores to the engines.
        "ray_actor_options": {"num_cpus": 0},
        "graceful_shutdown_timeout_s": patience,
        "graceful_shutdown_wait_loop_s": 0.5,
        # Requests hold the users' texts, so no line is written about them.
        "logging_config": LoggingConfig(enable_access_log=False, log_level="WARNING"),
        "max_ongoing_requests": MANY_REQUESTS,
    }
    rewriter: Any = serve.deployment(
        replica,
        name=REWRITER,
        num_replicas=1,
        max_constructor_retry_count=1,
        user_config=user_config(config),
        **common,
    )
    scaling = AutoscalingConfig(
        min_replicas=config.serve.min_ingresses,
        max_replicas=config.serve.max_ingresses,
        target_ongoing_requests=config.serve.concurrency,
    )
    ingress: Any = serve.deployment(Ingress, name=INGRESS, autoscaling_config=scaling, **common)
    return ingress.bind(rewriter.bind(config), config, host)


def build(arguments: Arguments) -> Application:
    """Build the application of a Serve config.

    Raises:
        ValueError: the run cannot be served, or needs a token.
    """
    config = service_config(arguments.run, arguments.strategy, arguments.set)
    read_tokens(config.serve, arguments.host)
    return application(config, arguments.host)
