"""Gain, forgetting and transitions, by hand."""

import math

import pytest

from rewriter_agent.evaluate.result import ModelResult, PartResult
from rewriter_agent.evaluate.statistics import change, estimate, mcnemar
from rewriter_agent.evaluate.summary import compare, summarise


def part(name: str, outcomes: str) -> PartResult:
    correct = {f"i{i}": outcome == "1" for i, outcome in enumerate(outcomes)}
    return PartResult(name, "acc", {"accuracy_lenient": 0.5, "finished": 1.0}, correct, [])


def result(task: str, arc: str, sciq: str) -> ModelResult:
    return ModelResult(part("task", task), [part("arc_easy", arc), part("sciq", sciq)])


BASE = result("0000", "1110", "1100")
EXPERT = result("1110", "1000", "1000")
REWRITTEN = result("1100", "1101", "1100")


def test_accuracy_and_retention_mean_per_arm():
    base, expert, rewritten = summarise({"base": BASE, "expert": EXPERT, "rewritten": REWRITTEN})
    assert [s.arm for s in (base, expert, rewritten)] == ["base", "expert", "rewritten"]
    assert (base.task.value, expert.task.value, rewritten.task.value) == (0.0, 0.75, 0.5)
    assert base.retention["arc_easy"].value == 0.75
    assert base.retention_mean.value == pytest.approx((0.75 + 0.5) / 2)
    assert base.retention_mean.n == 8
    assert expert.retention_mean.value == pytest.approx(0.25)


def test_gain_and_forgetting_against_base():
    base, expert, rewritten = summarise({"base": BASE, "expert": EXPERT, "rewritten": REWRITTEN})
    assert expert.against_base.gain.value == 0.75
    assert expert.against_base.forgetting.value == pytest.approx(0.375)
    assert (expert.against_base.forgetting.lost, expert.against_base.forgetting.gained) == (3, 0)
    arc = rewritten.against_base.retention["arc_easy"]
    assert (arc.value, arc.lost, arc.gained) == (0.0, 1, 1)
    assert base.against_base.gain.value == base.against_base.forgetting.value == 0.0


def test_any_two_models_can_be_compared():
    comparison = compare(REWRITTEN, EXPERT)
    assert comparison.gain.value == -0.25
    assert comparison.forgetting.value == pytest.approx(-0.375)


def test_forgetting_error_is_that_of_paired_differences():
    forgetting = compare(EXPERT, BASE).forgetting
    arc, sciq = estimate([0, -1, -1, 0]), estimate([0, -1, 0, 0])
    assert forgetting.stderr == pytest.approx(math.hypot(arc.stderr, sciq.stderr) / 2)


def test_different_items_are_refused():
    with pytest.raises(ValueError, match="different items"):
        change({"a": True, "b": False}, {"a": True, "c": False})


def test_estimate_agrees_with_the_harness():
    from lm_eval.api.metrics import mean_stderr

    values = [1.0, 0.0, 0.0, 1.0, 1.0]
    assert estimate(values).stderr == pytest.approx(mean_stderr(values))


@pytest.mark.parametrize(
    ("lost", "gained", "p_value"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (8, 1, 20 / 512), (3, 3, 1.0)]
)
def test_mcnemar_is_the_exact_sign_test(lost, gained, p_value):
    assert mcnemar(lost, gained) == mcnemar(gained, lost) == pytest.approx(p_value)
