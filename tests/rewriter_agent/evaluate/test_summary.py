"""Gain, forgetting and transitions, by hand."""

import math
from dataclasses import replace
from itertools import product
from statistics import fmean

import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score

from rewriter_agent.evaluate.result import Drift, ModelResult, PartResult
from rewriter_agent.evaluate.statistics import (
    above_chance,
    change,
    estimate,
    mcnemar,
    mean_change,
    mean_estimate,
    paired,
)
from rewriter_agent.evaluate.summary import compare, counts, summarise
from rewriter_agent.evaluate.table import evaluation_table


def part(name: str, outcomes: str) -> PartResult:
    scores = {f"i{i}": float(outcome == "1") for i, outcome in enumerate(outcomes)}
    return PartResult(name, "acc", {"strict": scores}, 0.0, {"finished": 1.0}, [])


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


def test_mcnemar_is_scipys_binomial_test():
    for lost, gained in ((1, 0), (7, 2), (12, 30)):
        assert mcnemar(lost, gained) == pytest.approx(binomtest(lost, lost + gained, 0.5).pvalue)


@pytest.mark.parametrize("items", [20, 100, 400])
@pytest.mark.parametrize(
    ("lost", "gained"), [(0, 0), (0, 4), (0, 5), (0, 6), (9, 2), (2, 10), (7, 7), (20, 0)]
)
def test_interval_and_p_value_agree(items, lost, gained):
    after = "0" * lost + "1" * (items - lost)
    found = change(scores(after), scores("1" * (items - gained) + "0" * gained))
    assert found.beyond_chance == (found.p_value < 0.05)
    assert found.p_value >= mcnemar(found.lost, found.gained)
    assert found.low <= found.value <= found.high


def test_tasks_of_unlike_size_have_an_interval_that_agrees_with_their_p_value():
    # The small task moves the mean, the large one has most of the changed items.
    large = paired(scores("1" * 45 + "0" * 5), scores("1" * 48 + "0" * 2))
    small = paired(scores("0" * 4), scores("1" * 4))
    found = mean_change([large, small])
    assert found.beyond_chance == (found.p_value < 0.05)


def test_few_changed_items_are_no_difference_however_they_fall():
    four = change(scores("1" * 4 + "0" * 96), scores("0" * 100))
    assert (four.value, four.low, four.beyond_chance) == (0.04, 0.0, False)
    assert four.p_value == 0.125


def test_scores_between_right_and_wrong_are_tested_by_the_bootstrap_alone():
    # No item crosses 0.5, so that none counts as lost or gained.
    before = {str(i): 0.1 for i in range(40)}
    found = change({name: 0.2 + 0.01 * (i % 3) for i, name in enumerate(before)}, before)
    assert (found.lost, found.gained) == (0, 0)
    assert found.beyond_chance
    assert found.p_value < 0.001


def scores(outcomes: str) -> dict[str, float]:
    return {str(i): float(outcome) for i, outcome in enumerate(outcomes)}


def test_the_interval_is_the_middle_of_all_resamples():
    # Every way to draw three of three items with replacement, each as likely.
    values = [0.0, 0.5, 1.0]
    means = sorted(fmean(draw) for draw in product(values, repeat=3))
    found = estimate(values)
    assert (found.low, found.high) == (means[0], means[-1]) == (0.0, 1.0)
    wide = estimate([0.0, 1.0] * 200)
    assert wide.high - wide.value == pytest.approx(1.96 * wide.stderr, rel=0.1)
    assert wide.value - wide.low == pytest.approx(1.96 * wide.stderr, rel=0.1)


def test_a_mean_over_tasks_draws_each_tasks_items_by_themselves():
    tasks = [[1.0] * 50, [0.0, 1.0] * 200]
    found = mean_estimate(tasks)
    assert found.value == pytest.approx(0.75)
    assert found.stderr == pytest.approx(estimate(tasks[1]).stderr / 2)
    # Of the first task no resample differs, so the interval is half as wide as the second's.
    assert found.high - found.low == pytest.approx(
        (estimate(tasks[1]).high - estimate(tasks[1]).low) / 2, rel=0.1
    )


def test_chance_is_taken_out_as_scikit_learn_does_of_balanced_accuracy():
    gold = [0, 1, 2, 3] * 5
    guessed = [0, 1, 2, 0] * 5
    accuracy = fmean(a == b for a, b in zip(gold, guessed, strict=True))
    adjusted = balanced_accuracy_score(gold, guessed, adjusted=True)
    assert above_chance(accuracy, 1 / 4) == pytest.approx(adjusted) == pytest.approx(2 / 3)
    assert above_chance(0.25, 0.25) == 0.0
    assert above_chance(1.0, 0.25) == 1.0


def test_relative_and_adjusted_drops_by_hand():
    found = change(scores("1100000000"), scores("1111000000"), chance=0.25)
    assert found.value == pytest.approx(-0.2)
    assert found.relative == pytest.approx(-0.5)
    assert found.adjusted == pytest.approx(-0.2 / 0.75)
    assert change(scores("10"), scores("00")).relative is None


def test_transitions_without_guessing_are_the_ones_seen():
    found = change(scores("1010"), scores("1100"))
    assert (found.lost, found.gained) == (1, 1)
    assert (found.lost_adjusted, found.gained_adjusted) == (0.25, 0.25)


def test_transitions_that_guessing_explains_are_none():
    # Both models know nothing and guess one of two independently: all four pairs of outcomes are equally likely.
    found = change(scores("0011"), scores("0101"), chance=0.5)
    assert (found.lost, found.gained) == (1, 1)
    assert found.lost_adjusted == found.gained_adjusted == 0.0


def test_known_items_are_found_behind_guesses():
    # 32 items of two choices: 16 known before only, 16 to neither. Of the former half show as lost, and of the latter
    # a quarter each is right twice, lost, gained and wrong twice.
    before = "1" * 16 + "1" * 4 + "1" * 4 + "0" * 4 + "0" * 4
    after = "1" * 8 + "0" * 8 + "1" * 4 + "0" * 4 + "1" * 4 + "0" * 4
    found = change(scores(after), scores(before), chance=0.5)
    assert found.lost_adjusted == pytest.approx(0.5)
    assert found.gained_adjusted == pytest.approx(0.0)


def test_graded_scores_change_where_they_cross_one_half():
    found = change({"a": 0.4, "b": 0.9, "c": 0.6}, {"a": 0.6, "b": 0.7, "c": 0.1})
    assert (found.lost, found.gained) == (1, 1)
    assert found.value == pytest.approx((-0.2 + 0.2 + 0.5) / 3)


def test_one_task_is_a_mean_over_one():
    pair = paired(scores("1010"), scores("1100"), 0.25)
    assert mean_change([pair]) == change(scores("1010"), scores("1100"), 0.25)


def test_a_lost_format_is_no_lost_knowledge():
    kept = scores("1110")
    base = ModelResult(
        part("task", "0000"), [PartResult("read", "exact", {"strict": kept, "lenient": kept}, 0.0, {}, [])]
    )
    babbling = replace(
        base,
        retention=[PartResult("read", "exact", {"strict": scores("0000"), "lenient": kept}, 0.0, {}, [])],
    )
    found = compare(babbling, base)
    assert found.forgetting.value == 0.0
    assert (found.forgetting.lost, found.retention["read"].lost) == (0, 0)
    assert found.forgetting_strict.value == 0.75
    assert found.forgetting_strict.lost == 3


def test_sampled_answers_and_levels_are_summarised_and_compared():
    base, model = result("0000", "1110", "1100"), result("1110", "1110", "1100")
    levels = {"level": {"i0": "1", "i1": "1", "i2": "2", "i3": "2"}}
    avg = {"i0": 0.5, "i1": 1.0, "i2": 0.0, "i3": 0.0}
    task = replace(model.task, scores=model.task.scores | {"avg@2": avg}, groups=levels)
    before = replace(base.task, scores=base.task.scores | {"avg@2": dict.fromkeys(avg, 0.25)})
    summary = summarise({"base": replace(base, task=before), "expert": replace(model, task=task)})[1]
    assert summary.parts["task"].sampled["avg@2"].value == pytest.approx(0.375)
    assert summary.against_base.gain_sampled["avg@2"].value == pytest.approx(0.125)
    by_level = summary.parts["task"].breakdown["level"]
    assert by_level["1"] is not None
    assert by_level["2"] is not None
    assert (by_level["1"].value, by_level["2"].value) == (1.0, 0.5)


def test_drift_is_the_mean_over_tokens():
    drifted = Drift({"a": -2.0, "b": -6.0}, {"a": -3.0, "b": -9.0}, {"a": 2, "b": 6})
    summary = summarise({"base": BASE, "expert": replace(EXPERT, drift=drifted)})[1].drift
    assert summary is not None
    assert summary.kl.value == pytest.approx(4 / 8)
    assert summary.nll.value == pytest.approx(12 / 8)
    assert summary.tokens == 8
    assert counts(replace(EXPERT, drift=drifted))["kl"] == 0.5


def test_counts_name_each_parts_gradings():
    found = counts(EXPERT)
    assert found == {"task": 0.75, "arc_easy": 0.25, "sciq": 0.25, "retention": 0.25}


def test_the_terminals_table_has_a_row_a_measure():
    drifted = Drift({"a": -2.0, "b": -6.0}, {"a": -3.0, "b": -9.0}, {"a": 2, "b": 6})
    lenient = replace(EXPERT.task, scores=EXPERT.task.scores | {"lenient": scores_of("1111")})
    expert = replace(EXPERT, task=lenient, drift=drifted)
    none = replace(drifted, logprobs=drifted.backbone_logprobs)
    base = replace(
        BASE, task=replace(BASE.task, scores=BASE.task.scores | {"lenient": scores_of("0000")}), drift=none
    )
    lines = evaluation_table({"base": base, "expert": expert}).split("\n")
    rows = {line[:28].strip(): line[28:].split("]") for line in lines}
    assert lines[0].split() == ["base", "expert"]
    assert [cell.split()[0] for cell in rows["task"][:2]] == ["0.0", "75.0"]
    assert rows["task, lenient"][1].split()[0] == "100.0"
    assert rows["gain"][0].split()[:2] == ["–", "+75.0"]
    assert rows["forgetting"][0].split()[:2] == ["–", "+37.5"]
    assert lines[-1].split()[-2:] == ["0.0000", "0.5000"]


def scores_of(outcomes: str) -> dict[str, float]:
    return {f"i{i}": float(outcome) for i, outcome in enumerate(outcomes)}
