"""The choice of a checkpoint, and the end of a fine-tuning that gets no better."""

from pathlib import Path

import pytest

from rewriter_agent.evaluate.curve import Point, chosen, read_curve, stops_early, write_curve
from sft.config.sft import EvaluationSection, SFTConfig


def curve(*scores: float) -> list[Point]:
    return [Point(10 * number, score, score, 0.0, score) for number, score in enumerate(scores)]


def section(**options: object) -> EvaluationSection:
    return EvaluationSection.model_validate({"eval_steps": 10, **options})


def test_the_first_best_checkpoint_is_kept_and_the_backbone_is_none() -> None:
    assert chosen(curve(0.9, 0.1, 0.3, 0.3, 0.2), section()).step == 20
    assert chosen(curve(0.9, -0.4), section()).step == 10


def test_the_last_checkpoint_is_kept_on_request() -> None:
    assert chosen(curve(0.0, 0.3, 0.2), section(load_best_model_at_end=False)).step == 20


@pytest.mark.parametrize(
    ("scores", "patience", "ends"),
    [
        ((0.9,), 1, False),
        ((0.9, 0.1), 1, False),
        ((0.0, 0.3, 0.2), 1, True),
        ((0.0, 0.3, 0.2), 2, False),
        ((0.0, 0.3, 0.2, 0.3), 2, True),
        ((0.0, 0.3, 0.2, 0.4), 2, False),
        ((0.0, 0.3, 0.2, 0.1, 0.1), None, False),
    ],
)
def test_it_stops_after_as_many_evaluations_without_a_better_score(
    scores: tuple[float, ...], patience: int | None, ends: bool
) -> None:
    assert stops_early(curve(*scores), section(early_stopping_patience=patience)) == ends


def test_points_are_read_back(tmp_path: Path) -> None:
    assert read_curve(tmp_path) == []
    write_curve(tmp_path, curve(0.0, 0.25))
    assert read_curve(tmp_path) == curve(0.0, 0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refresh": {"steps": 2}}, "evaluation cannot be combined with refresh"),
        ({"sweep": {}}, "evaluation cannot be combined with sweep"),
        ({"max_steps": 10}, r"eval_steps \(10\) leaves one evaluation"),
        ({"evaluation": {"load_best_model_at_end": True}}, "eval_steps"),
    ],
)
def test_an_evaluation_that_cannot_choose_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SFTConfig.model_validate({"evaluation": {"eval_steps": 10}, **options})
