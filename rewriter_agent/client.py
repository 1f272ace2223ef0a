"""Client of the rewriting service: `Rewriter`, and `AsyncRewriter` with the same methods as coroutines."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from rewriter_agent.serve.access import VARIABLE
from rewriter_agent.serve.schema import Gap, Rewrite

ADDRESS = "http://127.0.0.1:8000"
RETRIED = (429, 500, 503)
"""Statuses after which the same request may succeed; 500 means that a process of the service has died."""
BROKEN = (httpx2.ConnectError, httpx2.ReadError, httpx2.RemoteProtocolError)
"""Errors of a connection whose server has died; another one takes its place within seconds."""
ATTEMPTS = 6
Row = Mapping[str, Any]
"""Fields of a row: `question` or `messages`, `solution`, and on request `answer`, `convention` and others."""


class RefusedError(Exception):
    """A request or a row that the service has refused; the message says what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Connection:
    """Address and token of a service, and the way in which its answers are read."""

    def __init__(self, url: str = ADDRESS, token: str | None = None, timeout: float = 600) -> None:
        """Use the token in the environment variable REWRITER_AGENT_TOKEN if none is given."""
        token = token or os.environ.get(VARIABLE)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._options: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": timeout}

    @staticmethod
    def _pause(response: httpx2.Response, attempt: int) -> float | None:
        """Seconds after which to ask again; None if the answer is final."""
        if response.status_code not in RETRIED or attempt + 1 == ATTEMPTS:
            return None
        return float(response.headers.get("retry-after", 1))

    @staticmethod
    def _pause_broken(attempt: int) -> float:
        """Seconds after which to ask again; raises the error in progress at the last attempt."""
        if attempt + 1 == ATTEMPTS:
            raise
        return 1

    @staticmethod
    def _checked(response: httpx2.Response) -> Any:
        if response.is_success:
            return response.json()
        is_ours = response.headers.get("content-type", "").startswith("application/json")
        error = response.json().get("error", {}) if is_ours else {}
        status = f"the server answered {response.status_code}"
        raise RefusedError(error.get("code", "error"), error.get("message", status))

    @staticmethod
    def _line(line: str) -> tuple[int, Rewrite | RefusedError]:
        found = json.loads(line)
        if "rewrite" in found:
            return found["index"], Rewrite.model_validate(found["rewrite"])
        return found["index"], RefusedError(**found["error"])


class Rewriter(_Connection):
    """A rewriting service, asked one request at a time. Use it in a `with` block, or `close` it.

    Requests that a full service refuses are repeated after the time that it asks for.
    """

    def __init__(self, url: str = ADDRESS, token: str | None = None, timeout: float = 600) -> None:
        super().__init__(url, token, timeout)
        self._client = httpx2.Client(**self._options)

    def rewrite(self, question: str, solution: str, **fields: Any) -> Rewrite:
        """Rewrite one solution; `fields` are those of a row, such as `answer` or `candidates=True`.

        Raises:
            RefusedError: the service does not take the row.
        """
        row = {"question": question, "solution": solution, **fields}
        return Rewrite.model_validate(self._post("/v1/rewrites", row))

    def rewrite_many(self, rows: Sequence[Row]) -> Iterator[tuple[int, Rewrite | RefusedError]]:
        """Yield the number of each row with its rewrite or its refusal, in the order in which they are finished.

        Raises:
            RefusedError: the service does not take the request.
        """
        missing = dict(enumerate(rows))
        for attempt in range(ATTEMPTS):
            numbers, body = list(missing), {"rows": list(missing.values())}
            try:
                with self._client.stream("POST", "/v1/rewrites", json=body) as response:
                    if response.is_success:
                        for place, found in map(self._line, response.iter_lines()):
                            del missing[numbers[place]]
                            yield numbers[place], found
                        return
                    response.read()
                    if (pause := self._pause(response, attempt)) is None:
                        self._checked(response)
            except BROKEN:
                pause = self._pause_broken(attempt)
            time.sleep(pause or 0)

    def gap(self, question: str, solution: str, **fields: Any) -> Gap:
        """Score the tokens of a solution under the backbone.

        Raises:
            RefusedError: the service does not take the row.
        """
        row = {"question": question, "solution": solution, **fields}
        return Gap.model_validate(self._post("/v1/gap", row))

    def _post(self, path: str, body: Row) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                response = self._client.post(path, json=body)
            except BROKEN:
                pause = self._pause_broken(attempt)
            else:
                if (pause := self._pause(response, attempt)) is None:
                    return self._checked(response)
            time.sleep(pause)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRewriter(_Connection):
    """A rewriting service for coroutines, which may ask at the same time. Use it in an `async with` block."""

    def __init__(self, url: str = ADDRESS, token: str | None = None, timeout: float = 600) -> None:
        super().__init__(url, token, timeout)
        self._client = httpx2.AsyncClient(**self._options)

    async def rewrite(self, question: str, solution: str, **fields: Any) -> Rewrite:
        """Rewrite one solution, like `Rewriter.rewrite`."""
        row = {"question": question, "solution": solution, **fields}
        return Rewrite.model_validate(await self._post("/v1/rewrites", row))

    async def rewrite_many(self, rows: Sequence[Row]) -> AsyncIterator[tuple[int, Rewrite | RefusedError]]:
        """Yield each row's number and result when it is finished, like `Rewriter.rewrite_many`."""
        missing = dict(enumerate(rows))
        for attempt in range(ATTEMPTS):
            numbers, body = list(missing), {"rows": list(missing.values())}
            try:
                async with self._client.stream("POST", "/v1/rewrites", json=body) as response:
                    if response.is_success:
                        async for line in response.aiter_lines():
                            place, found = self._line(line)
                            del missing[numbers[place]]
                            yield numbers[place], found
                        return
                    await response.aread()
                    if (pause := self._pause(response, attempt)) is None:
                        self._checked(response)
            except BROKEN:
                pause = self._pause_broken(attempt)
            await asyncio.sleep(pause or 0)

    async def gap(self, question: str, solution: str, **fields: Any) -> Gap:
        """Score the tokens of a solution, like `Rewriter.gap`."""
        row = {"question": question, "solution": solution, **fields}
        return Gap.model_validate(await self._post("/v1/gap", row))

    async def _post(self, path: str, body: Row) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                response = await self._client.post(path, json=body)
            except BROKEN:
                pause = self._pause_broken(attempt)
            else:
                if (pause := self._pause(response, attempt)) is None:
                    return self._checked(response)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
