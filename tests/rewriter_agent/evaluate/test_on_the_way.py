"""The loop of a training that is evaluated on the way, without models: the choice of the student, also after kills."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from rewriter_agent.evaluate.curve import Point, read_curve, write_curve
from rewriter_agent.evaluate.on_the_way import HeldOutEvaluation, train_evaluated
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.session import Session
from sft.config.sft import EvaluationSection

SCORES = {0: 0.9, 2: 0.1, 4: 0.3, 5: 0.2}
LAST = 5


class Scored(HeldOutEvaluation):
    """Evaluation that knows the score of each step, and checks whose model it is given."""

    def add_point(self, curve: Sequence[Point], model: Path, step: int) -> list[Point]:
        if step:
            assert model.read_text() == str(step)
        return [*curve, Point(step, SCORES[step], 0.0, 0.0, SCORES[step])]


class Training:
    """A training that leaves its step as the student."""

    def __init__(self, folder: Path) -> None:
        self.newest = folder / "newest"
        self.model = self.newest / "model"
        self.calls: list[int] = []

    def __call__(self, step: int) -> int:
        self.calls.append(step)
        self.newest.mkdir(exist_ok=True)
        self.model.write_text(str(min(step, LAST)))
        return min(step, LAST)


def evaluation(folder: Path, **options: object) -> Scored:
    settings = EvaluationSection.model_validate({"eval_steps": 2, **options})
    session = cast(Session, SimpleNamespace(model_path="backbone"))
    return Scored(session, settings, folder, Progress("test"), [])


def test_the_best_student_is_kept_and_the_training_ends_with_its_last_step(tmp_path: Path) -> None:
    training = Training(tmp_path)
    assert train_evaluated(evaluation(tmp_path), training, training.newest, training.model) == LAST
    assert [point.step for point in read_curve(tmp_path)] == [0, 2, 4, 5]
    assert (tmp_path / "best" / "model").read_text() == "4"
    assert not training.newest.exists()


def test_it_stops_early(tmp_path: Path) -> None:
    training = Training(tmp_path)
    stopping = evaluation(tmp_path, early_stopping_patience=1, load_best_model_at_end=False)
    assert train_evaluated(stopping, training, training.newest, training.model) == LAST
    assert training.calls == [2, 4, 6]
    assert (tmp_path / "best" / "model").read_text() == "5"


@pytest.mark.parametrize(("measured", "again"), [(1, [2, 4, 6, 7]), (3, [6, 7]), (4, [7])])
def test_a_kill_before_a_point_is_written_does_its_part_again(
    tmp_path: Path, measured: int, again: list[int]
) -> None:
    training = Training(tmp_path)
    train_evaluated(evaluation(tmp_path), training, training.newest, training.model)
    curve = read_curve(tmp_path)
    write_curve(tmp_path, curve[:measured])
    training.calls.clear()
    train_evaluated(evaluation(tmp_path), training, training.newest, training.model)
    assert training.calls == again
    assert read_curve(tmp_path) == curve
    assert (tmp_path / "best" / "model").read_text() == "4"
