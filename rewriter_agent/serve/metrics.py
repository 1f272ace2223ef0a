"""Counts of the service for Prometheus."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import schema

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500)
"""Bounds of the histogram's buckets."""


class ServiceMetrics:
    """Counters and gauges of one service."""

    def __init__(self, rows_in_progress: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        name = "rewriter_agent_service_{}".format
        self.requests = Counter(
            name("requests"), "Requests by path and status.", ("path", "status"), registry=self.registry
        )
        self.rows = Counter(name("rows"), "Rows by outcome.", ("outcome", "reason"), registry=self.registry)
        self.row_seconds = Histogram(
            name("row_seconds"), "Time at work on a row.", buckets=SECONDS, registry=self.registry
        )
        self.tokens = Counter(name("generated_tokens"), "Tokens of all candidates.", registry=self.registry)
        Gauge(name("rows_in_progress"), "Unanswered rows.", registry=self.registry).set_function(
            rows_in_progress
        )

    def add(self, answer: schema.Rewrite) -> None:
        """Count an answered row."""
        self.rows.labels(answer.outcome, answer.reason or "").inc()
        self.row_seconds.observe(answer.cost.seconds)
        self.tokens.inc(answer.cost.generated_tokens)

    def text(self) -> bytes:
        """All values in Prometheus' format."""
        return generate_latest(self.registry)


class CountRequests:
    """Middleware that counts requests by path and status."""

    def __init__(self, app: ASGIApp, count: Callable[[str, int], Awaitable[None]]) -> None:
        self.app = app
        self.count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the response when it begins."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Paths of clients would be labels without limit.
                await self.count(getattr(scope.get("route"), "path", "other"), message["status"])
            await send(message)

        await self.app(scope, receive, counted if scope["type"] == "http" else send)
