"""Prefetching of candidates during other work."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Event, Thread
from typing import cast

import pytest

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample, ScoredGroup
from rewriter_agent.train.prefetch import Group, Prefetch
from tests.helpers.groups import make_problem, passed


class SlowFleet:
    """Answers when it is told to."""

    version = 3

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[GenerateRequest], Future[list[Completion]]]] = []

    def submit(
        self, method: str, groups: Sequence[Sequence[GenerateRequest]]
    ) -> list[Future[list[Completion]]]:
        assert method == "generate"
        futures: list[Future[list[Completion]]] = [Future() for _ in groups]
        self.asked += zip(groups, futures, strict=True)
        return futures

    def answer(self, number: int) -> None:
        requests, future = self.asked[number]
        future.set_result([Completion([r.seed, 2], [-0.5, -0.1], True, self.version) for r in requests])


class Counting:
    """Scores a group by its candidates' first tokens."""

    def __init__(self) -> None:
        self.scored: list[str] = []

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        ((problem, samples),) = groups
        self.scored.append(problem.id)
        scores = [passed(float(sample.token_ids[0])) for sample in samples]
        return [ScoredGroup(samples, scores, [None] * len(samples), [])]


def groups(*names: str) -> list[Group]:
    return [
        (make_problem(name), [GenerateRequest([1], 8, 1.0, seed) for seed in (10 * i, 10 * i + 1)])
        for i, name in enumerate(names)
    ]


@pytest.fixture
def fleet() -> SlowFleet:
    return SlowFleet()


@pytest.fixture
def scorer() -> Counting:
    return Counting()


@pytest.fixture
def prefetch(fleet: SlowFleet, scorer: Counting) -> Prefetch:
    def sample(ids: Sequence[int], _: Sequence[float]) -> Sample:
        return Sample("text", ids[-1] == 2, tuple(ids))

    return Prefetch(cast(Fleet, fleet), cast(GroupScorer, scorer), {}, sample)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def totals(scored: Sequence[ScoredGroup]) -> list[list[float]]:
    return [[score.total for score in group.scores] for group in scored]


def test_a_group_is_scored_as_soon_as_it_is_complete(
    prefetch: Prefetch, fleet: SlowFleet, scorer: Counting
) -> None:
    prefetch.begin(4, groups("a", "b", "c"))
    fleet.answer(1)
    until(lambda: scorer.scored == ["b"])
    fleet.answer(0)
    until(lambda: scorer.scored == ["b", "a"])
    fleet.answer(2)
    assert [completion.token_ids[0] for completion in prefetch.completions(4)] == [0, 1, 10, 11, 20, 21]
    assert totals(prefetch.scores([(p, []) for p, _ in groups("a", "b", "c")])) == [
        [0, 1],
        [10, 11],
        [20, 21],
    ]
    assert sorted(scorer.scored) == ["a", "b", "c"]


def test_steps_are_kept_apart(prefetch: Prefetch, fleet: SlowFleet) -> None:
    prefetch.begin(0, groups("a"))
    prefetch.begin(1, groups("a", "b"))
    assert prefetch.begun(1)
    for number in (2, 1, 0):
        fleet.answer(number)
    for step, expected in ((0, [[0, 1]]), (1, [[0, 1], [10, 11]])):
        assert len(prefetch.completions(step)) == 2 * len(expected)
        assert totals(prefetch.scores([(make_problem("a"), [])] * len(expected))) == expected
    assert not prefetch.begun(0)


def test_weights_may_change_when_everything_has_been_sampled(prefetch: Prefetch, fleet: SlowFleet) -> None:
    prefetch.begin(0, groups("a", "b"))
    waiting = Thread(target=prefetch.wait_until_idle)
    waiting.start()
    fleet.answer(0)
    waiting.join(0.1)
    assert waiting.is_alive()
    fleet.answer(1)
    waiting.join(10)
    assert not waiting.is_alive()


def test_engines_that_score_too_must_have_scored_everything(prefetch: Prefetch, fleet: SlowFleet) -> None:
    prefetch.shared = True
    go_on = Event()
    score = prefetch.scorer

    def slowly(groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        go_on.wait(10)
        return score(groups)

    prefetch.scorer = cast(GroupScorer, slowly)
    prefetch.begin(0, groups("a"))
    waiting = Thread(target=prefetch.wait_until_idle)
    waiting.start()
    fleet.answer(0)
    waiting.join(0.1)
    assert waiting.is_alive()
    go_on.set()
    waiting.join(10)
    assert not waiting.is_alive()


def test_an_error_of_the_engines_is_the_learners(prefetch: Prefetch, fleet: SlowFleet) -> None:
    prefetch.begin(0, groups("a", "b"))
    fleet.answer(0)
    fleet.asked[1][1].set_exception(RuntimeError("no engine left"))
    with pytest.raises(RuntimeError, match="no engine left"):
        prefetch.wait_until_idle()
    with pytest.raises(RuntimeError, match="no engine left"):
        prefetch.completions(0)


def test_behind_the_last_step_nothing_is_sampled(prefetch: Prefetch, fleet: SlowFleet) -> None:
    prefetch.begin(8, [])
    prefetch.wait_until_idle()
    assert fleet.asked == []
