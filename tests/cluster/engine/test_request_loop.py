"""Overlapping calls of one engine, with a fake engine."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.engine.request_loop import BrokenEngineError, RequestLoop, _both


class FakeLLM:
    """Finishes a request after the number of steps in its prompt; steps wait for the gate."""

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.running: dict[str, int] = {}
        self.largest = 0
        self.fails = self.broken = False
        self.slept: list[str] = []
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
        # Five prompt tokens, two of them cached, and three completion tokens.
        tokens = {
            "prompt_token_ids": [1] * 5,
            "num_cached_tokens": 2,
            "outputs": [SimpleNamespace(token_ids=[1] * 3)],
        }
        return [SimpleNamespace(request_id=name, finished=True, **tokens) for name in reversed(done)]

    def abort_request(self, names: list[str], internal: bool) -> None:
        for name in names:
            del self.running[name]

    def sleep(self, level: int) -> None:
        self.slept.append(f"sleep {level}")

    def wake_up(self) -> None:
        self.slept.append("wake up")

    def generate(self, *args: Any, **kwargs: Any) -> None:
        if self.broken:
            raise RuntimeError("device lost")


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM()


@pytest.fixture
def loop(llm: FakeLLM) -> RequestLoop:
    return RequestLoop(llm, threads=1)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def ids(outputs: Sequence[Any]) -> list[str]:
    return [output.request_id for output in outputs]


def run(loop: RequestLoop, *steps: int) -> list[Any]:
    return loop.run(steps, [None] * len(steps))


def test_outputs_come_in_the_order_of_the_requests(loop: RequestLoop) -> None:
    assert ids(run(loop, 3, 1, 2, 1)) == ["0", "1", "2", "3"]
    assert loop.steps == 3
    assert run(loop) == []
    assert not loop.working


def test_later_requests_join_the_running_batch(loop: RequestLoop, llm: FakeLLM) -> None:
    llm.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, loop, 9, 9)
        until(lambda: loop.working)
        second = pool.submit(run, loop, 3)
        until(lambda: not loop._inbox.empty())
        llm.gate.set()
        assert len(first.result(10)) == 2
        assert len(second.result(10)) == 1
    assert llm.largest == 3


def test_a_refused_request_does_not_affect_others(loop: RequestLoop) -> None:
    with pytest.raises(ValueError, match="an empty prompt"):
        run(loop, 1, 0)
    assert len(run(loop, 2)) == 1


def test_a_failed_step_fails_the_running_requests(loop: RequestLoop, llm: FakeLLM) -> None:
    llm.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        run(loop, 5, 5)
    assert llm.running == {}
    assert len(run(loop, 2)) == 1


def test_an_engine_that_fails_the_probe_is_broken(loop: RequestLoop, llm: FakeLLM) -> None:
    llm.fails = llm.broken = True
    with pytest.raises(BrokenEngineError, match=r"out of memory; and then RuntimeError: device lost"):
        run(loop, 5)


def test_an_exclusive_call_aborts_the_running_requests(loop: RequestLoop, llm: FakeLLM) -> None:
    assert loop.exclusive(lambda: "loaded") == "loaded"
    with pytest.raises(KeyError):
        loop.exclusive(lambda: {}["missing"])
    llm.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(run, loop, 2)
        until(lambda: loop.working)
        loading = pool.submit(loop.exclusive, lambda: len(llm.running))
        until(lambda: not loop._inbox.empty())
        llm.gate.set()
        assert loading.result(10) == 0
        with pytest.raises(RuntimeError, match="aborted: the engine loads other weights"):
            running.result(10)
    assert len(run(loop, 2)) == 1


def test_a_request_for_old_weights_is_refused(loop: RequestLoop) -> None:
    def gone() -> None:
        raise RuntimeError("asked for weights version 1")

    with pytest.raises(RuntimeError, match="version 1"):
        loop.run([1], [None], gone)
    assert len(run(loop, 2)) == 1


def test_tokens_and_busy_seconds_are_counted(llm: FakeLLM, loop: RequestLoop) -> None:
    loop.run([1, 2, 1], [None] * 3)
    assert loop.tokens == 3 * (5 - 2 + 3)
    before = loop.busy_seconds
    assert before > 0
    time.sleep(0.02)
    assert loop.busy_seconds == before


def test_an_error_that_occurs_twice_is_reported_once() -> None:
    assert _both(ValueError("no kernel"), ValueError("no kernel")) == "ValueError: no kernel"


def test_a_sleeping_engine_wakes_up_for_its_next_work(llm: FakeLLM, loop: RequestLoop) -> None:
    loop.sleep()
    assert llm.slept == ["sleep 1"]
    loop.run([1], [None])
    loop.run([1], [None])
    assert llm.slept == ["sleep 1", "wake up"]
    loop.sleep()
    assert loop.exclusive(lambda: len(llm.slept)) == 4
