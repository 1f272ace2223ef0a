"""Calls of one engine that overlap, with an engine that is made up."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.engine.request_loop import Batching, BrokenEngineError


class FakeLLM:
    """Finishes a request after as many steps as its prompt says; steps wait for the gate."""

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.running: dict[str, int] = {}
        self.largest = 0
        self.fails = self.broken = False
        self.llm_engine = self
        self.output_processor = SimpleNamespace(request_states=self.running)
        self.ids = iter(range(10_000))

    def enqueue(
        self, prompts: Sequence[int], params: Sequence[Any], lora_request: None, use_tqdm: bool
    ) -> list[str]:
        if any(steps < 1 for steps in prompts):
            raise ValueError("an empty prompt")
        names = [str(next(self.ids)) for _ in prompts]
        self.running.update(zip(names, prompts, strict=True))
        return [f"{name}-1a2b3c4d" for name in names]

    def step(self) -> list[Any]:
        assert self.gate.wait(10)
        if self.fails:
            self.fails = False
            raise RuntimeError("out of memory")
        self.largest = max(self.largest, len(self.running))
        self.running.update({name: left - 1 for name, left in self.running.items()})
        done = [name for name, left in self.running.items() if left == 0]
        for name in done:
            del self.running[name]
        # Five tokens of the prompt, two of them spared by the cache, and three written.
        tokens = {
            "prompt_token_ids": [1] * 5,
            "num_cached_tokens": 2,
            "outputs": [SimpleNamespace(token_ids=[1] * 3)],
        }
        return [SimpleNamespace(request_id=name, finished=True, **tokens) for name in reversed(done)]

    def abort_request(self, names: list[str], internal: bool) -> None:
        for name in names:
            del self.running[name]

    def generate(self, *args: Any, **kwargs: Any) -> None:
        if self.broken:
            raise RuntimeError("device lost")


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM()


@pytest.fixture
def batching(llm: FakeLLM) -> Batching:
    return Batching(llm, threads=1)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def ids(outputs: Sequence[Any]) -> list[str]:
    return [output.request_id for output in outputs]


def run(batching: Batching, *steps: int) -> list[Any]:
    return batching.run(steps, [None] * len(steps))


def test_outputs_come_in_the_order_of_the_requests(batching: Batching) -> None:
    assert ids(run(batching, 3, 1, 2, 1)) == ["0", "1", "2", "3"]
    assert batching.steps == 3
    assert run(batching) == []
    assert not batching.working


def test_what_comes_meanwhile_joins_the_running_batch(batching: Batching, llm: FakeLLM) -> None:
    llm.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, batching, 9, 9)
        until(lambda: batching.working)
        second = pool.submit(run, batching, 3)
        until(lambda: not batching._inbox.empty())
        llm.gate.set()
        assert len(first.result(10)) == 2
        assert len(second.result(10)) == 1
    assert llm.largest == 3


def test_a_request_that_is_refused_harms_no_other(batching: Batching) -> None:
    with pytest.raises(ValueError, match="an empty prompt"):
        run(batching, 1, 0)
    assert len(run(batching, 2)) == 1


def test_a_failed_step_fails_what_was_running_and_leaves_nothing(batching: Batching, llm: FakeLLM) -> None:
    llm.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        run(batching, 5, 5)
    assert llm.running == {}
    assert len(run(batching, 2)) == 1


def test_an_engine_that_fails_at_the_least_is_broken(batching: Batching, llm: FakeLLM) -> None:
    llm.fails = llm.broken = True
    with pytest.raises(BrokenEngineError, match=r"out of memory; and then RuntimeError: device lost"):
        run(batching, 5)


def test_weights_change_alone_and_what_was_running_then_is_given_up(batching: Batching, llm: FakeLLM) -> None:
    assert batching.alone(lambda: "loaded") == "loaded"
    with pytest.raises(KeyError):
        batching.alone(lambda: {}["missing"])
    llm.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(run, batching, 2)
        until(lambda: batching.working)
        loading = pool.submit(batching.alone, lambda: len(llm.running))
        until(lambda: not batching._inbox.empty())
        llm.gate.set()
        assert loading.result(10) == 0
        with pytest.raises(RuntimeError, match="given up: the engine was wanted for other weights"):
            running.result(10)
    assert len(run(batching, 2)) == 1


def test_what_is_asked_under_weights_that_are_gone_is_refused_alone(batching: Batching) -> None:
    def gone() -> None:
        raise RuntimeError("asked for weights version 1")

    with pytest.raises(RuntimeError, match="version 1"):
        batching.run([1], [None], gone)
    assert len(run(batching, 2)) == 1


def test_what_it_computes_and_how_long_is_counted(llm: FakeLLM, batching: Batching) -> None:
    batching.run([1, 2, 1], [None] * 3)
    assert batching.tokens == 3 * (5 - 2 + 3)
    before = batching.busy_seconds
    assert before > 0
    time.sleep(0.02)
    assert batching.busy_seconds == before
