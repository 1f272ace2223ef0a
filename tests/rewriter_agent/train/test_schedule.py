"""The order of problems over all steps."""

from itertools import islice

import pytest
from trl.trainer.utils import RepeatSampler

from rewriter_agent.train.schedule import Schedule


def sampler(problems: int) -> RepeatSampler:
    return RepeatSampler(
        range(problems), mini_repeat_count=4, batch_size=3, repeat_count=2, shuffle=True, seed=7
    )


def schedule(problems: int = 10, batches: int = 10) -> Schedule:
    return Schedule(sampler(problems), batches=batches, batch_size=12, group=4)


def test_the_order_is_that_of_trls_sampler_pass_after_pass() -> None:
    passes = sampler(10)
    expected = [row for _ in range(3) for row in passes]
    assert list(schedule(batches=12)) == list(islice(expected, 144))
    assert len(schedule(batches=12)) == 144
    # The second pass has another order than the first, and one problem of ten is left out of each.
    assert expected[:72] != expected[72:144]


def test_a_step_has_the_same_problems_whenever_the_run_began() -> None:
    whole = schedule()
    assert list(whole) == list(schedule())
    batches = list(whole)
    for batch in range(10):
        assert batches[batch * 12 : batch * 12 + 12 : 4] == whole.problems(batch)
    # Both passes of a step take the same.
    assert whole.problems(0) == whole.problems(1) != whole.problems(2)


def test_behind_the_last_step_there_are_no_problems() -> None:
    assert list(schedule().problems(10)) == []


def test_fewer_problems_than_a_step_takes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"takes 3 problems .* there are fewer"):
        schedule(problems=2)
