"""The first look at a request: where it comes from, its token, and the size of its body."""

import asyncio
from typing import Any

from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.loopback import is_loopback
from rewriter_agent.config.serve import ServeConfig

from .access import COOKIE, VARIABLE, AccessTokens
from .errors import ServiceError, error_response

OPEN = frozenset(
    {("GET", "/health"), ("GET", "/ready"), ("GET", "/"), ("GET", "/batches"), ("POST", "/sign-in")}
)
"""Requests that need no token; the pages ask for one."""
UPLOAD = "/v1/batches"
"""Path whose handler reads the body itself."""
BODY_SHARE = 0.1
"""Share of a request's time in which its body has to arrive."""


class Guard:
    """Middleware that refuses requests before their bodies are parsed."""

    def __init__(self, app: ASGIApp, config: ServeConfig, tokens: AccessTokens) -> None:
        self.app = app
        self.config = config
        self.tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check_origin(scope)
            scope.setdefault("state", {})["token"] = self._token(scope)
            if scope["path"] != UPLOAD:
                receive = await self._read(scope, receive)
        except ServiceError as refusal:
            response: Response = error_response(refusal.status, refusal.code, str(refusal))
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_origin(self, scope: Scope) -> None:
        """Refuse what a page of another site makes a browser send."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if not self.tokens and not is_loopback(name.strip("[]")):
            raise ServiceError(
                403, "wrong_host", "without a token this service is addressed as localhost or 127.0.0.1 only"
            )
        is_read = scope["method"] in ("GET", "HEAD")
        if not is_read and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise ServiceError(403, "cross_site", "a page of another site may not use this service")

    def _token(self, scope: Scope) -> str | None:
        request = HTTPConnection(scope)
        found = self.tokens.find(request.headers.get("authorization"))
        if found is None:
            found = self.tokens.find(f"Bearer {request.cookies.get(COOKIE, '')}")
        if found is None and (scope["method"], scope["path"]) not in OPEN:
            raise ServiceError(
                401,
                "no_token",
                f"send the header 'Authorization: Bearer TOKEN' with a token of this service (serve.token_file or "
                f"{VARIABLE})",
            )
        return found

    async def _read(self, scope: Scope, receive: Receive) -> Receive:
        """Read the whole body, and return a function that gives it again."""
        limit = int(self.config.max_body_mb * 1024**2)
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > limit:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.config.max_seconds * BODY_SHARE):
                body = await self._body(receive, limit)
        except TimeoutError:
            raise ServiceError(408, "slow_body", "the body did not arrive in time; send it at once") from None
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return given.pop() if given else await receive()

        return replay

    async def _body(self, receive: Receive, limit: int) -> bytes:
        parts: list[bytes] = []
        size, is_more = 0, True
        while is_more:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                raise ServiceError(400, "disconnected", "the client has gone")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise self._too_large()
            is_more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> ServiceError:
        return ServiceError(
            413,
            "body_too_large",
            f"a request has at most {self.config.max_body_mb:g} MiB (serve.max_body_mb); send fewer rows",
        )
