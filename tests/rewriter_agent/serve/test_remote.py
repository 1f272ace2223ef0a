"""The core behind the handle of a deployment, whose process may die; Serve runs it in this process."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from ray import serve
from ray.exceptions import ActorDiedError

from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.serve import remote, schema
from rewriter_agent.serve.access import AccessTokens
from rewriter_agent.serve.app import create_app
from rewriter_agent.serve.errors import ServiceError
from rewriter_agent.serve.remote import RemoteCore
from tests.helpers.fake_deployment import FakeReplica
from tests.helpers.fake_service import ROW, client_of, service_config

ROWS = [schema.Row(question=f"Question {number}?", solution=ROW["solution"]) for number in range(5)]


class DyingReplica(FakeReplica):
    """Dies at the first call of each method, and after two rows of the first stream."""

    died: set[str]

    async def call(self, method: str, *arguments: Any) -> Any:
        self._die_once(method)
        return await super().call(method, *arguments)

    async def rewrite_many(self, token: str, rows: Any) -> Any:
        count = 0
        async for answer in super().rewrite_many(token, rows):
            if count == 3:
                self._die_once("rewrite_many")
            count += 1
            yield answer

    def _die_once(self, method: str) -> None:
        died = self.__dict__.setdefault("died", set())
        if method not in died:
            died.add(method)
            raise ActorDiedError


@pytest.fixture
def core_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RemoteCore]:
    monkeypatch.setattr(remote, "PAUSE", 0.01)

    def make(replica: type = FakeReplica, **limits: Any) -> RemoteCore:
        config = service_config(output_dir=str(tmp_path), serve=limits)
        bound: Any = serve.deployment(replica)
        handle = serve.run(bound.bind(config), _local_testing_mode=True)
        return RemoteCore(handle, config.serve.max_seconds)

    return make


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def many(core: RemoteCore, rows: list[schema.Row]) -> list[tuple[int, Any]]:
    return [answer async for answer in core.rewrite_many("", rows)]


def test_answers_and_refusals_come_from_the_other_process(core_of: Callable[..., RemoteCore]) -> None:
    core = core_of(max_rows=5)

    async def ask() -> None:
        assert (await core.rewrite("", schema.Row(**ROW))).outcome == "rewritten"
        with pytest.raises(ServiceError) as refused:
            await core.rewrite("", ROWS[0].model_copy(update={"solution": "None."}))
        assert (refused.value.status, refused.value.code) == (422, "bad_row")
        assert sorted(number for number, _ in await many(core, ROWS)) == [-1, 0, 1, 2, 3, 4]
        [(number, refusal)] = await many(core, [*ROWS, ROWS[0]])
        assert (number, refusal.code) == (-1, "too_many_rows")
        await core.check(ready=True)
        assert await core.models() == ["backbone"]

    run(ask())


def test_what_a_lost_process_had_is_asked_again(core_of: Callable[..., RemoteCore]) -> None:
    core, whole = core_of(DyingReplica), core_of()

    async def ask(core: RemoteCore) -> tuple[str, list[tuple[int, Any]]]:
        return (await core.rewrite("", ROWS[0])).target, await many(core, ROWS)

    alone, found = run(ask(core))
    expected, same = run(ask(whole))
    assert alone == expected
    assert found[0] == (-1, None)
    assert len(found) == 1 + len(ROWS)
    targets = [{number: answer.target for number, answer in answers[1:]} for answers in (found, same)]
    assert targets[0] == targets[1]


def test_an_engine_process_that_does_not_come_back_is_told(core_of: Callable[..., RemoteCore]) -> None:
    class DeadReplica(FakeReplica):
        async def call(self, method: str, *arguments: Any) -> Any:
            raise ActorDiedError

    core = core_of(DeadReplica, max_seconds=0.1)
    with pytest.raises(ServiceError) as refused:
        run(core.rewrite("", ROWS[0]))
    assert (refused.value.status, refused.value.code) == (503, "restarting")


def test_counts_of_every_http_process_are_added_up(
    core_of: Callable[..., RemoteCore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "COUNT_SECONDS", 0.01)
    core = core_of()

    async def ask() -> bytes:
        async with core.working():
            for _ in range(3):
                await core.count("/v1/gap", 200)
            await asyncio.sleep(0.5)
        return await core.metrics()

    assert 'requests_total{path="/v1/gap",status="200"} 3.0' in run(ask()).decode()


def test_the_application_works_on_it(core_of: Callable[..., RemoteCore], tmp_path: Path) -> None:
    app = create_app(core_of(), service_config(serve={}), AccessTokens(), tmp_path)
    client = client_of(app)
    assert client.post("/v1/rewrites", json=ROW).json()["outcome"] == "rewritten"
    lines = client.post("/v1/rewrites", json={"rows": [ROW] * 3}).text.splitlines()
    assert len(lines) == 3
    assert client.post("/v1/rewrites", json={"rows": [ROW] * 2000}).json()["error"]["code"] == "too_many_rows"
    assert client.get("/ready").status_code == 200
    assert ServeConfig().max_rows < 2000
