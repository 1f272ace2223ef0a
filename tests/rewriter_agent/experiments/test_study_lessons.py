"""Predictions of a study of lessons, by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from rewriter_agent.experiments.results import Measurement
from rewriter_agent.experiments.study.comparison import arm_results
from rewriter_agent.experiments.study.figures import frontiers
from rewriter_agent.experiments.study.frontier import mean_gain
from rewriter_agent.experiments.study.lesson_hypotheses import RIVALS, lesson_hypotheses
from rewriter_agent.experiments.study.page import write_page
from rewriter_agent.experiments.study.prediction import Hypothesis
from rewriter_agent.experiments.study.results import StudyResult
from rewriter_agent.experiments.study.table import study_table

SEEDS = (0, 1)
BASE = {"task": 0.0, "retention": 0.9, "retention/lab_sort": 0.9, "retention/lab_stories_1": 0.9}
Scores = Mapping[float, tuple[float, float]]
"""Task score and forgetting by learning rate."""


def cells(arm: str, scores: Scores, spread: float = 0.001, **more: float) -> list[Measurement]:
    """Measure an arm with two seeds that differ by twice the spread."""
    return [
        Measurement(arm, seed, metrics(task + sign * spread, lost + sign * spread) | more, rate)
        for rate, (task, lost) in scores.items()
        for seed, sign in zip(SEEDS, (1, -1), strict=True)
    ]


def metrics(task: float, lost: float) -> dict[str, float]:
    same = dict.fromkeys(("task", "task_lenient", "gain"), task)
    parts = {"forgetting": lost, "forgetting/stories": 2 * lost, "forgetting/skills": lost / 2}
    kept = dict.fromkeys(("retention", "retention/lab_sort", "retention/lab_stories_1"), 0.9 - lost)
    return same | parts | kept | {"lost": lost, "gained": 0.0, "finished": 1.0}


def study(measured: Sequence[Measurement], sources: Sequence[Measurement] = ()) -> StudyResult:
    names = dict.fromkeys(cell.arm for cell in measured)
    arms = arm_results(names, measured, sources, "best")
    config = "data: {source: lab, task: lessons}"
    return StudyResult("s", config, list(SEEDS), BASE, arms, list(measured), list(sources), {})


def decided(measured: Sequence[Measurement], sources: Sequence[Measurement] = ()) -> dict[str, Hypothesis]:
    return {found.name: found for found in lesson_hypotheses(study(measured, sources))}


SFT = {1e-4: (0.40, 0.04), 1e-3: (0.70, 0.20)}


def test_each_arm_is_compared_at_its_own_best_rate() -> None:
    expert, rl = study(
        [*cells("expert", SFT), *cells("rl", {1e-4: (0.7, 0.02), 1e-3: (0.7, 0.01), 1e-2: (0.1, 0.5)})]
    ).arms
    # The matched rate of plain SFT would be the same, but not that of an arm which never reaches its score.
    assert expert.chosen.learning_rate == expert.best == 1e-3
    assert expert.best_is_an_end
    # Of equal scores the one that forgets less.
    assert rl.chosen.learning_rate == rl.best == 1e-3
    assert not rl.best_is_an_end
    assert rl.against["expert"]["forgetting"].value == pytest.approx(0.01 - 0.20)


@pytest.mark.parametrize(
    ("rl", "standing"),
    [
        ({1e-4: (0.2, 0.0), 1e-3: (0.72, 0.03)}, "held"),
        # Above a quarter of 20 points.
        ({1e-4: (0.2, 0.0), 1e-3: (0.72, 0.08)}, "refuted"),
        # Cheap, and more than a point below.
        ({1e-4: (0.2, 0.0), 1e-3: (0.60, 0.00)}, "refuted"),
        ({1e-3: (0.69, 0.0)}, "open"),
    ],
)
def test_a_quarter_of_the_forgetting_at_the_same_score(rl: Scores, standing: str) -> None:
    found = decided([*cells("expert", SFT), *cells("rl", rl, spread=0.0004)])["A"]
    assert found.standing == standing
    assert found.intervals == 2


def test_greedy_targets_are_asked_for_on_their_own() -> None:
    greedy = {1e-4: (0.2, 0.0), 1e-3: (0.72, 0.03)}
    measured = [*cells("expert", SFT), *cells("rl_greedy", greedy, spread=0.0004)]
    assert decided(measured)["A (greedy)"].standing == "held"
    assert {"A (greedy)", "B (greedy)"} <= decided(measured).keys()
    assert {"A", "B"}.isdisjoint(decided(measured))
    assert {"A", "A (greedy)"} <= decided([*measured, *cells("rl", SFT)]).keys()


def test_there_is_no_quarter_of_nothing() -> None:
    found = decided([*cells("expert", {1e-3: (0.7, 0.0)}), *cells("rl", {1e-3: (0.7, 0.0)})])
    assert {name: found[name].standing for name in "AB"} == {"A": "open", "B": "open"}
    assert found["A"].found.endswith("plain SFT has forgotten nothing for certain")
    assert "plain SFT has forgotten nothing for certain" in found["B"].found


def test_mean_gain_by_hand() -> None:
    scores = {1e-4: (0.4, 0.05), 1e-3: (0.2, 0.10), 1e-2: (0.8, 0.15)}
    (arm,) = study(cells("expert", scores, spread=0.0)).arms
    # Nothing below 5 points, then 40 up to 15 points, then 80.
    assert mean_gain(arm, 0.2).value == pytest.approx((0.4 * 0.10 + 0.8 * 0.05) / 0.2)
    assert mean_gain(arm, 0.05).value == 0
    assert mean_gain(arm, 0.1).value == pytest.approx(0.4 * 0.05 / 0.1)
    # A model that has forgotten less than nothing is for sale at any price.
    (free,) = study(cells("expert", {1e-4: (0.3, -0.02)}, spread=0.0)).arms
    assert mean_gain(free, 0.1).value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("grpo", "standing"), [((0.1, 0.0), "held"), ((0.95, 0.0), "refuted"), ((0.69, 0.02), "open")]
)
def test_the_rewriter_is_ahead_if_it_is_ahead_of_every_rival(
    grpo: tuple[float, float], standing: str
) -> None:
    rivals = [cell for name in RIVALS[:-1] for cell in cells(name, SFT)]
    measured = [
        *rivals,
        *cells("rl", {1e-3: (0.7, 0.02)}),
        *cells("grpo", {1e-3: grpo}, 0.05 if standing == "open" else 0.001),
    ]
    found = decided(measured)["B"]
    assert found.standing == standing
    assert found.intervals == len(RIVALS)
    assert "not measured" not in found.found
    some = decided([*cells("expert", SFT), *cells("rl", {1e-3: (0.7, 0.02)})])["B"]
    assert (some.standing, some.intervals) == ("open", 1)
    assert some.found.endswith(
        "not measured: prompt_greedy, best_of_budget, mind_the_gap, accepted_only, expert_replay, sdft, grpo"
    )


@pytest.mark.parametrize(
    ("weighted", "standing"),
    [((0.8, 0.1), "held"), ((0.5, 0.1), "refuted"), ((0.6, 0.05), "held"), ((0.6, 0.1), "open")],
)
def test_importance_sampling_helps_on_one_axis_and_harms_on_none(
    weighted: tuple[float, float], standing: str
) -> None:
    other = cells("rl_is", {1e-4: weighted, 1e-3: (0.1, 0.0)})
    measured = [*cells("expert", SFT), *cells("rl", {1e-3: (0.6, 0.1)}, spread=0.002), *other]
    assert decided(measured)["C"].standing == standing


def lesson_source(name: str, rewritten: float, named: float, false: float) -> list[Measurement]:
    ways = {"lesson_named": named, "lesson_false": false, "lesson_hidden": 1 - named - false}
    return [Measurement(name, seed, {"rewritten": rewritten, **ways}) for seed in SEEDS]


@pytest.mark.parametrize(("best_score", "standing"), [(0.7, "held"), (0.1, "refuted")])
def test_the_share_that_lost_the_lesson_goes_with_the_score(best_score: float, standing: str) -> None:
    names = ("mind_the_gap", "best_of_budget", "rl", "rl_coverage")
    scores = sorted((best_score, 0.3, 0.4, 0.5), reverse=standing == "held")
    measured = [
        *cells("expert", SFT),
        *(c for name, score in zip(names, scores, strict=True) for c in cells(name, {1e-3: (score, 0.1)})),
        # Masked, so it says nothing about its targets.
        *cells("rl_mask", {1e-3: (0.99, 0.1)}),
    ]
    sources = [
        s
        for place, name in enumerate(names)
        for s in lesson_source(name, rewritten=0.9, named=0.8 - place / 5, false=0.1 + place / 10)
    ]
    found = decided(measured, sources)["D1"]
    assert found.standing == standing
    sign = "-1.00" if standing == "held" else "1.00"
    assert found.found == f"{sign} over 4 sources of targets; hidden alone {sign}, false alone {sign}"
    assert "D1" not in decided(measured, sources[:6])


def test_what_repairs_the_lesson_is_compared_with_the_arm_without_it() -> None:
    measured = [
        *cells("expert", SFT),
        *cells("rl", {1e-3: (0.5, 0.1)}, spread=0.002),
        *cells("rl_false_steps", {1e-3: (0.3, 0.1)}),
        *cells("rl_coverage", {1e-3: (0.4, 0.1)}),
    ]
    sources = [*lesson_source("rl", 0.9, 0.7, 0.1), *lesson_source("rl_false_steps", 0.9, 0.1, 0.5)]
    found = decided(measured, sources)
    assert (found["D2"].standing, found["D3"].standing) == ("held", "refuted")
    assert "named, hidden, false: 70|20|10 (rl), 10|40|50 (rl_false_steps)" in found["D2"].found


@pytest.mark.parametrize(
    ("general", "task", "standing"),
    [
        ((1, 2, 3, 4), ((1, 3, 4, 2), (1, 3, 4, 2)), "held"),
        ((4, 3, 2, 1), ((1, 2, 3, 4), (1, 2, 3, 4)), "refuted"),
        ((1, 2, 3, 4), ((1, 3, 4, 2), (1, 2, 3, 4)), "open"),
    ],
)
def test_the_better_predictor_of_forgetting(
    general: tuple[int, ...], task: tuple[tuple[int, ...], ...], standing: str
) -> None:
    measured = [
        Measurement("expert", seed, metrics(0.5, 0.1 * place) | {"kl": on_task, "kl_general": away}, place)
        for seed, moved in zip(SEEDS, task, strict=True)
        for place, (on_task, away) in enumerate(zip(moved, general, strict=True), 1)
    ]
    # Trained on the general prompts.
    replayed = cells("expert_replay", {1e-3: (0.5, 0.9)}, kl=9.0, kl_general=0.0)
    found = decided([*measured, *replayed])["E"]
    assert found.standing == standing
    assert "over 8 fine-tunings" in found.found


def test_table_and_page_show_stories_and_what_would_refute(tmp_path: Path) -> None:
    found = study([*cells("expert", SFT), *cells("rl", {1e-3: (0.72, 0.03)})])
    header, _, first, *_ = study_table(found).split("\n")
    assert "stories" in header
    assert "8.0" in first
    write_page(tmp_path / "study.html", found)
    page = (tmp_path / "study.html").read_text()
    for text in ("refuted if", "own highest task score", "compared in three ways", "stories"):
        assert text in page


def test_the_picture_stays_legible_with_many_arms() -> None:
    names = ["expert", "rl", "accepted_only", "rl_is", "rl_mask", "rl_tail", "rl_support"]
    measured = [cell for name in names[:-1] for cell in cells(name, SFT)]
    # Of the arms that are not always shown the best one is.
    arms = study([*measured, *cells("rl_support", {1e-3: (0.9, 0.01), 1e-2: (0.0, 0.9)})]).arms
    picture = frontiers(arms)
    assert [arm.text in picture for arm in arms] == [True, True, True, False, False, False, True]
    assert "3 other arms" in picture
    assert "forgetting on ordinary stories alone (points)" in picture
