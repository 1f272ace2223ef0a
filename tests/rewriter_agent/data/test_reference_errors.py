"""Errors of the checks against a reference, measured on rows whose right verdict is known."""

from collections.abc import Iterator, Sequence

import pytest

from reward import Check, Grade, RewardConfig, Verdict, Verifier
from reward.reference.alterations import REFUSED
from reward.reference.config import ReferenceConfig
from rewriter_agent.data.problem import Problem, problem_id
from rewriter_agent.data.reference_errors import (
    MOST_PROBLEMS,
    UNCHANGED,
    KindOfError,
    error_rows,
    limit_fault,
    reference_errors,
)

FRUIT = ("Apples", "Pears", "Plums", "Cherries", "Grapes", "Quinces", "Limes", "Melons")
LIMITS = ReferenceConfig()


def problem(number: int, convention: str = "reference") -> Problem:
    fruit = FRUIT[number % len(FRUIT)]
    question = f"How are {fruit} of kind {number} kept?"
    text = f"{fruit} are kept in box {number + 5}. They do not like light. Turn each one every week, {number} times."
    return Problem(problem_id(question), question, text, text, convention, "file")


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig()) as running:
        yield running


def accept_all(checks: Sequence[Check]) -> list[Grade]:
    return [Grade(Verdict.EQUAL)] * len(checks)


def refuse_all(checks: Sequence[Check]) -> list[Grade]:
    return [Grade(Verdict.UNDECIDED, "crashed")] * len(checks)


def test_coverage_errs_within_the_limits(verifier: Verifier) -> None:
    found = reference_errors([problem(number) for number in range(16)], verifier.verify, seed=0)
    kinds = {one.change: one for one in found}
    assert set(REFUSED) < set(kinds)
    assert kinds[UNCHANGED].errors == 0
    assert kinds["a number changed"].errors == kinds["a negation flipped"].errors == 0
    assert all(one.errors == 0 for one in found if one.must_pass)
    assert limit_fault(found, LIMITS) is None
    assert found == reference_errors([problem(number) for number in range(16)], verifier.verify, seed=0)


def test_checks_that_accept_everything_are_refused() -> None:
    found = reference_errors([problem(number) for number in range(16)], accept_all, seed=0)
    fault = limit_fault(found, LIMITS)
    assert fault is not None
    assert "accept 16 of 16 references after this change: a number changed (100%)" in fault
    assert "reward.reference.max_false_acceptance=0.2" in fault
    assert limit_fault(found, ReferenceConfig(max_false_acceptance=None)) is None


def test_checks_that_refuse_everything_are_refused() -> None:
    found = reference_errors([problem(number) for number in range(16)], refuse_all, seed=0)
    fault = limit_fault(found, LIMITS)
    assert fault is not None
    assert (
        "refuse 16 of 16 references after this change: the reference itself (100%; 16 are undecided: "
        in fault
    )
    assert error_rows(found)[0] == [UNCHANGED, "pass", "16", "100.0% (81% to 100%)", "16"]


def test_few_trials_do_not_stop_a_run() -> None:
    assert limit_fault([KindOfError("x", False, 3, 1, 0)], LIMITS) is None
    assert limit_fault([KindOfError("x", False, 30, 20, 0)], LIMITS) is not None


def test_only_a_sample_is_altered_and_only_under_reference() -> None:
    asked: list[Check] = []

    def verify(checks: Sequence[Check]) -> list[Grade]:
        asked.extend(checks)
        return accept_all(checks)

    [first, *_] = reference_errors([problem(number) for number in range(500)], verify, seed=0)
    assert 100 < first.trials <= MOST_PROBLEMS
    assert asked[0].question == problem(0).question
    assert reference_errors([problem(1, "boxed")], verify, seed=0) == []
    assert reference_errors([], verify, seed=0) == []


def test_a_single_row_has_no_other() -> None:
    changes = [one.change for one in reference_errors([problem(1)], accept_all, seed=0)]
    assert "the reference of another row" not in changes
    assert "a foreign sentence added" not in changes
