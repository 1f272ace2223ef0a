"""Errors of the service as responses that say what to change, without repeating a request's text."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cluster.fleet.supervisor import EnginesLostError
from rewriter_agent.data.rows import BadRow

RETRY_SECONDS = 5
"""Advice on when to try again."""
RETRIED = (429, 503)
"""Statuses of requests that may succeed later, unchanged."""
SHOWN = 10
"""Faults of one request that are told."""


class ServiceError(Exception):
    """A request that is refused: status, code for programs, and a message that says what to change."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def __reduce__(self) -> tuple[type["ServiceError"], tuple[int, str, str]]:
        """Copy to another process with all three parts."""
        return ServiceError, (self.status, self.code, str(self))


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """Body of every response with an error status."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if status in RETRIED else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def describe(error: ServiceError | BadRow | EnginesLostError) -> ServiceError:
    """Convert an error of a row to a refusal."""
    if isinstance(error, BadRow):
        return ServiceError(422, "bad_row", str(error))
    if isinstance(error, EnginesLostError):
        return ServiceError(503, "engines_lost", "no engine is left; the service has to be restarted")
    return error


def handle_errors(app: FastAPI) -> None:
    """Let the application answer errors in the one form."""

    async def refused(_: Request, error: Any) -> JSONResponse:
        found = describe(error)
        return error_response(found.status, found.code, str(found))

    async def invalid(_: Request, error: Any) -> JSONResponse:
        return error_response(422, "invalid_request", validation_message(error.errors()))

    async def other(_: Request, error: Any) -> JSONResponse:
        codes = {400: "invalid_json", 404: "not_found", 405: "wrong_method"}
        texts = {
            400: "the body is no JSON, is nested too deep, or holds a number of too many digits; send a JSON object",
            404: "there is nothing at this path; /openapi.json lists the paths",
            405: "this path does not take this method; /openapi.json lists the paths",
        }
        code = codes.get(error.status_code, "error")
        return error_response(error.status_code, code, texts.get(error.status_code, str(error.detail)))

    for kind in (ServiceError, BadRow, EnginesLostError):
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, other)


def validation_message(faults: Sequence[Any]) -> str:
    """List the fields with their faults, without the given values."""
    told = [
        f"{_place(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults[:SHOWN]
    ]
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return f"{'; '.join(told)}{more}. /openapi.json describes every field"


def _place(location: Sequence[int | str]) -> str:
    """Name a field; names that the client chose are cut and escaped."""
    parts = [str(part)[:40].encode("unicode_escape").decode() for part in location]
    return (
        ".".join(part for part in parts if part not in ("body", "row", "rows") or len(parts) == 1) or "body"
    )
