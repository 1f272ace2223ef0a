"""The service as an ASGI application."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from cluster.fleet.supervisor import EnginesLostError
from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.data.rows import BadRow

from . import schema
from .access import AccessTokens, TokenName
from .batch_paths import add_batches
from .batches import Batches
from .chat import add_chat
from .errors import ServiceError, describe, handle_errors
from .guard import Guard
from .load import Load
from .metrics import CountRequests, ServiceMetrics
from .page import add_pages
from .service import RewritingService

NDJSON = "application/x-ndjson"
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": schema.ErrorBody, "description": "The token is missing or wrong."},
    413: {"model": schema.ErrorBody, "description": "The body is too large."},
    422: {
        "model": schema.ErrorBody,
        "description": "A field is missing or wrong, or the row cannot be used.",
    },
    429: {"model": schema.ErrorBody, "description": "The token has too many unanswered rows."},
    503: {
        "model": schema.ErrorBody,
        "description": "The service is full, is stopping or has lost its engines.",
    },
}


def create_app(service: RewritingService, config: ServeConfig, tokens: AccessTokens, folder: Path) -> FastAPI:
    """Build the application, which keeps its batches in `folder`."""
    load = Load(config)
    metrics = ServiceMetrics(lambda: load.rows)
    app = FastAPI(
        title="rewriter-agent",
        version=service.versions.package,
        responses=ERRORS,
        lifespan=_working,
        # The pages that describe the schema load scripts from outside.
        docs_url=None,
        redoc_url=None,
    )
    app.state.service, app.state.load, app.state.metrics = service, load, metrics
    app.state.batches = Batches(folder, service, load)
    handle_errors(app)
    app.add_middleware(Guard, config=config, tokens=tokens)
    app.add_middleware(CountRequests, metrics=metrics)
    _add_probes(app)
    _add_rewriting(app)
    add_chat(app)
    add_batches(app)
    add_pages(app, tokens)
    return app


@asynccontextmanager
async def _working(app: FastAPI) -> AsyncGenerator[None]:
    """Work on the batches as long as the application runs."""
    service, load = app.state.service, app.state.load

    def check(ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()):
            service.lost = f"the work on the batches has ended ({type(error).__name__})"

    worker = asyncio.create_task(app.state.batches.work())
    worker.add_done_callback(check)
    yield
    load.is_draining = True
    worker.cancel()
    await asyncio.to_thread(load.close)


def _add_probes(app: FastAPI) -> None:
    service, load, metrics = app.state.service, app.state.load, app.state.metrics

    @app.get("/health", tags=["probes"])
    def health() -> dict[str, str]:
        """Tell whether the process works; a supervisor restarts it after a 503."""
        if service.lost:
            raise ServiceError(503, "engines_lost", service.lost)
        return {"status": "ok"}

    @app.get("/ready", tags=["probes"])
    def ready() -> dict[str, str]:
        """Tell whether requests are taken; a load balancer sends none after a 503."""
        if load.is_draining:
            raise ServiceError(503, "stopping", "the service answers what it has and takes nothing new")
        return health()

    @app.get("/metrics", tags=["probes"], response_class=Response)
    def prometheus() -> Response:
        """Counts of requests, rows and tokens, in Prometheus' format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _add_rewriting(app: FastAPI) -> None:
    service, load, metrics = app.state.service, app.state.load, app.state.metrics
    streamed = {
        "content": {NDJSON: {}},
        "description": "The target; with `rows`, a line of JSON for each row.",
    }

    @app.post("/v1/rewrites", tags=["rewriting"], response_model=schema.Rewrite, responses={200: streamed})
    async def rewrites(body: schema.RewriteBody, token: TokenName) -> Any:
        """Rewrite a solution; with `rows`, many, streamed as NDJSON in the order in which they are finished.

        A line has the `index` of its row, and its `rewrite` or its `error`.
        """
        if isinstance(body, schema.Rows):
            lines = _lines(app, body.rows, token)
            # Refuses the request, if at all, before the response begins.
            await anext(lines)
            return StreamingResponse(lines, media_type=NDJSON)
        with load.admitted(token, 1):
            answer = await load.call(service.rewrite, body)
        metrics.add(answer)
        return answer

    @app.post("/v1/gap", tags=["rewriting"])
    async def gap(body: schema.Problem, token: TokenName) -> schema.Gap:
        """Score the tokens of a solution under the backbone, given the question alone."""
        with load.admitted(token, 1):
            return await load.call(service.gap, body)


async def _lines(app: FastAPI, rows: list[schema.Row], token: str) -> AsyncIterator[str]:
    """Yield nothing when the rows are admitted, then a line for each."""
    load = app.state.load
    with load.admitted(token, len(rows)):
        yield ""
        async for index, answer in load.as_finished(app.state.service.rewrite, rows):
            yield json.dumps({"index": index, **_line(app, answer)}, ensure_ascii=False) + "\n"


def _line(app: FastAPI, answer: schema.Rewrite | Exception) -> dict[str, Any]:
    if isinstance(answer, schema.Rewrite):
        app.state.metrics.add(answer)
        return {"rewrite": answer.model_dump(mode="json")}
    if not isinstance(answer, ServiceError | BadRow | EnginesLostError):
        raise answer
    error = describe(answer)
    return {"error": {"code": error.code, "message": str(error)}}
