"""The warning that nearly all candidates of a step are rejected for one reason."""

from typing import get_args

import pytest

from reward import Score
from reward.types import Reason
from rewriter_agent.train.rejections import CHANGES, RejectionWarning
from tests.helpers.groups import failed, passed


def told(*steps: list[Score]) -> list[str]:
    lines: list[str] = []
    warning = RejectionWarning(lines.append)
    for scores in steps:
        warning(scores)
    return lines


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_comes_with_what_to_change(reason: Reason) -> None:
    (line,) = told([failed(reason)] * 20)
    assert f"20 of 20 candidates of this step are rejected as '{reason}'" in line
    assert CHANGES[reason] in line


def test_a_tenth_of_other_outcomes_is_enough_to_learn_from() -> None:
    assert not told([failed("unfinished")] * 9 + [passed(1.0)])
    assert not told([failed("unfinished")] * 5 + [failed("copy")] * 5)
    assert not told([passed(1.0)] * 20)
    assert told([failed("unfinished")] * 19 + [passed(1.0)])


def test_a_reason_is_told_once_until_it_is_over() -> None:
    bad, good, other = [failed("copy")] * 8, [passed(1.0)] * 8, [failed("leak")] * 8
    lines = told(bad, bad, other, other, good, other)
    assert [line.split("'")[1] for line in lines] == ["copy", "leak", "leak"]
