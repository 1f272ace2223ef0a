"""The pages of the service, rendered on the server: they have no scripts and load nothing."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from reward import CONVENTIONS
from rewriter_agent.data.rows import BadRow
from rewriter_agent.report.coloured import coloured
from rewriter_agent.report.templates import environment

from . import schema
from .access import COOKIE, AccessTokens, TokenName
from .errors import ServiceError, validation_message

CHUNK = 1024**2
Field = Annotated[str, Form()]


def add_pages(app: FastAPI, tokens: AccessTokens) -> None:
    """Add the pages of single rows and of batches, and the form that takes a token."""
    core, batches = app.state.core, app.state.batches

    @app.get("/", include_in_schema=False)
    async def form(request: Request) -> Response:
        return await _rewrite_page(request)

    @app.post("/", include_in_schema=False)
    async def rewrite(
        request: Request,
        token: TokenName,
        question: Field = "",
        solution: Field = "",
        answer: Field = "",
        convention: Field = "",
    ) -> Response:
        given = {"question": question, "solution": solution, "answer": answer, "convention": convention}
        try:
            found = await _rewritten(app, token, given)
        except (ServiceError, BadRow) as error:
            status = error.status if isinstance(error, ServiceError) else 422
            return await _rewrite_page(request, given, error=str(error), status=status)
        return await _rewrite_page(request, given, found)

    @app.get("/batches", include_in_schema=False)
    async def batch_list(request: Request) -> Response:
        return await _batches_page(request)

    @app.post("/batches", include_in_schema=False)
    async def upload(request: Request, token: TokenName, file: UploadFile) -> Response:
        try:
            await batches.add(token, _chunks(file))
        except ServiceError as error:
            return await _batches_page(request, error=str(error), status=error.status)
        await core.batch_added()
        return RedirectResponse("/batches", 303)

    @app.post("/batches/{name}/cancel", include_in_schema=False)
    def cancel(name: str, token: TokenName) -> Response:
        batches.cancel(token, name)
        return RedirectResponse("/batches", 303)

    @app.post("/sign-in", include_in_schema=False)
    async def sign_in(request: Request, token: Field = "") -> Response:
        if tokens.find(f"Bearer {token}") is None:
            return await _rewrite_page(request, error="This is no token of the service.", status=401)
        response = RedirectResponse("/", 303)
        is_secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=is_secure)
        return response


async def _rewritten(app: FastAPI, token: str, given: dict[str, str]) -> schema.Rewrite:
    # Browsers send line ends of their own.
    texts = {name: text.replace("\r\n", "\n") for name, text in given.items() if text.strip()}
    try:
        row = schema.Row.model_validate({**texts, "candidates": True, "tokens": True})
    except ValidationError as error:
        raise ServiceError(422, "invalid_request", validation_message(error.errors())) from None
    return await app.state.core.rewrite(token, row)


async def _rewrite_page(
    request: Request,
    given: dict[str, str] | None = None,
    answer: schema.Rewrite | None = None,
    **options: Any,
) -> Response:
    own = request.app.state.convention
    pair = answer.tokens if answer else None
    return await _page(
        request,
        "rewrite.html.j2",
        "Rewrite",
        given=given or {"question": "", "solution": "", "answer": "", "convention": own},
        answer=answer,
        expert=_coloured(pair.expert if pair else []),
        target=_coloured(pair.target if pair else []),
        conventions=CONVENTIONS,
        most=schema.MAX_TEXT,
        **options,
    )


async def _batches_page(request: Request, **options: Any) -> Response:
    batches, token = request.app.state.batches, request.state.token
    found = batches.of_owner(token) if token is not None else []
    # A page with an error stays until it is read.
    is_working = not options and any(one.state in ("queued", "running") for one in found)
    return await _page(
        request,
        "batches.html.j2",
        "Batches",
        batches=found,
        is_working=is_working,
        most=batches.config.max_body_mb,
        **options,
    )


async def _page(
    request: Request, template: str, title: str, error: str | None = None, status: int = 200, **fields: Any
) -> Response:
    html = PAGES.get_template(template).render(
        title=title,
        error=error,
        signed_in=request.state.token is not None,
        versions=await request.app.state.core.versions(),
        **fields,
    )
    headers = {"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers)


def _coloured(tokens: list[schema.Token]) -> list[Any]:
    return list(coloured([token.text for token in tokens], [token.logprob for token in tokens]))


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        yield chunk


PAGES = environment("rewriter_agent.serve")
