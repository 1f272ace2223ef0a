"""The client against a real server with fake engines."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import httpx2
import pytest

import rewriter_agent.client
from rewriter_agent.client import ATTEMPTS, AsyncRewriter, RefusedError, Rewriter
from rewriter_agent.serve.access import VARIABLE
from tests.helpers.fake_service import ROW, TOKEN, fake_app
from tests.helpers.served_app import served

ROWS = [{**ROW, "question": f"Question {number}?"} for number in range(5)]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(fake_app(tokens=[TOKEN])) as address:
        yield address


@pytest.fixture
def rewriter(address: str) -> Iterator[Rewriter]:
    with Rewriter(address, TOKEN) as rewriter:
        yield rewriter


def test_rows_are_rewritten_and_scored(rewriter: Rewriter) -> None:
    answer = rewriter.rewrite(**ROW, candidates=True)
    assert answer.outcome == "rewritten"
    assert [one.text for one in answer.candidates or [] if one.selected] == [answer.target]
    assert "".join(token.text for token in rewriter.gap(**ROW).tokens) == ROW["solution"]


def test_many_rows_have_their_numbers_and_refusals(rewriter: Rewriter) -> None:
    found = dict(rewriter.rewrite_many([*ROWS, {**ROW, "solution": "None."}]))
    assert sorted(found) == list(range(6))
    refused = found.pop(5)
    assert isinstance(refused, RefusedError)
    assert refused.code == "bad_row"
    alone = rewriter.rewrite(**ROWS[2])
    assert found[2] == alone.model_copy(update={"cost": found[2].cost})


def test_coroutines_ask_at_the_same_time(address: str) -> None:
    async def ask() -> tuple[list[str], dict[int, object]]:
        async with AsyncRewriter(address, TOKEN) as rewriter:
            answers = await asyncio.gather(*(rewriter.rewrite(**row) for row in ROWS))
            many = {number: found async for number, found in rewriter.rewrite_many(ROWS)}
            assert (await rewriter.gap(**ROW)).tokens
        return [answer.id for answer in answers], many

    ids, many = asyncio.run(ask())
    assert len(set(ids)) == len(many) == 5


def test_a_refusal_says_what_to_change(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Rewriter(address, "wrong") as stranger:
        with pytest.raises(RefusedError, match="Authorization: Bearer"):
            stranger.rewrite(**ROW)
        with pytest.raises(RefusedError, match="Authorization: Bearer"):
            list(stranger.rewrite_many(ROWS))
    monkeypatch.setenv(VARIABLE, TOKEN)
    with Rewriter(address) as known, pytest.raises(RefusedError, match="states no answer") as refused:
        known.rewrite("How many?", "None.")
    assert refused.value.code == "bad_row"


def test_a_full_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    app = fake_app()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        app.state.core.load.is_draining = False

    monkeypatch.setattr(rewriter_agent.client, "time", SimpleNamespace(sleep=pause))
    with served(app) as address, Rewriter(address) as rewriter:
        app.state.core.load.is_draining = True
        assert rewriter.rewrite(**ROW).outcome == "rewritten"
        app.state.core.load.is_draining = True
        assert len(list(rewriter.rewrite_many(ROWS))) == 5
    assert pauses == [5, 5]


def test_a_service_that_is_being_restarted_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with ExitStack() as restarted:
        # The port of a server that has ended.
        with served(fake_app()) as address:
            port = int(address.rpartition(":")[2])

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                restarted.enter_context(served(fake_app(), port=port))

        monkeypatch.setattr(rewriter_agent.client, "time", SimpleNamespace(sleep=pause))
        with Rewriter(address) as rewriter:
            assert rewriter.rewrite(**ROW).outcome == "rewritten"
    assert pauses == [1, 1]
    with Rewriter(address) as rewriter, pytest.raises(httpx2.ConnectError):
        list(rewriter.rewrite_many(ROWS))
    assert len(pauses) == 2 + ATTEMPTS - 1
