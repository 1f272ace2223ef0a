"""The service as an ASGI application."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from rewriter_agent.config import RunConfig

from . import schema
from .access import AccessTokens, TokenName
from .batch_paths import add_batches
from .batches import Batches
from .chat import add_chat
from .core import Answer, Core
from .errors import ServiceError, handle_errors
from .guard import Guard
from .metrics import CountRequests
from .page import add_pages
from .remote import RemoteCore

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


def create_app(core: Core | RemoteCore, config: RunConfig, tokens: AccessTokens, folder: Path) -> FastAPI:
    """Build the application, which keeps its batches in `folder`."""
    app = FastAPI(
        title="rewriter-agent",
        version=version("rewriter-agent"),
        responses=ERRORS,
        lifespan=_working,
        # The pages that describe the schema load scripts from outside.
        docs_url=None,
        redoc_url=None,
    )
    app.state.core, app.state.convention = core, config.convention
    app.state.batches = Batches(folder, config.serve)
    handle_errors(app)
    app.add_middleware(Guard, config=config.serve, tokens=tokens)
    app.add_middleware(CountRequests, count=core.count)
    _add_probes(app)
    _add_rewriting(app)
    add_chat(app)
    add_batches(app)
    add_pages(app, tokens)
    return app


@asynccontextmanager
async def _working(app: FastAPI) -> AsyncGenerator[None]:
    """Let the core work as long as the application runs."""
    async with app.state.core.working():
        yield


def _add_probes(app: FastAPI) -> None:
    core = app.state.core

    @app.get("/health", tags=["probes"])
    async def health() -> dict[str, str]:
        """Tell whether the engines work; a supervisor restarts the service after a 503."""
        await core.check(ready=False)
        return {"status": "ok"}

    @app.get("/ready", tags=["probes"])
    async def ready() -> dict[str, str]:
        """Tell whether requests are taken; a load balancer sends none after a 503."""
        await core.check(ready=True)
        return {"status": "ok"}

    @app.get("/metrics", tags=["probes"], response_class=Response)
    async def prometheus() -> Response:
        """Counts of requests, rows and tokens, in Prometheus' format."""
        return Response(await core.metrics(), media_type="text/plain; version=0.0.4")


def _add_rewriting(app: FastAPI) -> None:
    core = app.state.core
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
            answers = core.rewrite_many(token, body.rows)
            # Refuses the request, if at all, before the response begins.
            _, refusal = await anext(answers)
            if refusal is not None:
                raise refusal
            return StreamingResponse(_lines(answers), media_type=NDJSON)
        return await core.rewrite(token, body)

    @app.post("/v1/gap", tags=["rewriting"])
    async def gap(body: schema.Problem, token: TokenName) -> schema.Gap:
        """Score the tokens of a solution under the backbone, given the question alone."""
        return await core.gap(token, body)


async def _lines(answers: AsyncIterator[tuple[int, Answer]]) -> AsyncIterator[str]:
    """Convert answers to lines of JSON."""
    async for index, answer in answers:
        yield _line(index, answer)


def _line(index: int, answer: Answer) -> str:
    told: dict[str, Any]
    if isinstance(answer, ServiceError):
        told = {"error": {"code": answer.code, "message": str(answer)}}
    else:
        told = {"rewrite": answer.model_dump(mode="json")}
    return json.dumps({"index": index, **told}, ensure_ascii=False) + "\n"
