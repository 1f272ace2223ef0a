"""The course of a training that is evaluated on the way, and the choice of its checkpoint."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rewriter_agent.io.files import read_json, write_json
from rewriter_agent.runtime.run_folder import StageFolder
from sft.config.sft import EvaluationSection


@dataclass(frozen=True)
class Point:
    """The student after a step, on the held-out sample; shares of all items."""

    step: int
    task: float
    """Accuracy on the held-out problems."""
    gain: float
    """The same minus the backbone's."""
    forgetting: float
    """The backbone's mean retention minus the student's."""
    score: float
    """task - forgetting_price * forgetting."""


def stops_early(curve: Sequence[Point], settings: EvaluationSection) -> bool:
    """Whether `early_stopping_patience` evaluations in a row have brought no better score."""
    patience = settings.early_stopping_patience
    return patience is not None and len(curve) > 1 and len(curve) - 1 - _best(curve) >= patience


def chosen(curve: Sequence[Point], settings: EvaluationSection) -> Point:
    """Return the checkpoint to keep: the first with the best score, or the last; never step 0, which is no training."""
    return curve[_best(curve)] if settings.load_best_model_at_end else curve[-1]


def _best(curve: Sequence[Point]) -> int:
    """Position of the first best point after step 0."""
    scores = [point.score for point in curve[1:]]
    return 1 + scores.index(max(scores))


def read_curve(folder: Path) -> list[Point]:
    """Read the points measured so far; empty without any."""
    path = StageFolder(folder).curve
    return [Point(**point) for point in read_json(path)] if path.exists() else []


def write_curve(folder: Path, curve: Sequence[Point]) -> None:
    """Write the points, step 0 first."""
    write_json(StageFolder(folder).curve, [asdict(point) for point in curve])


def choice_counts(folder: Path, settings: EvaluationSection | None) -> dict[str, int]:
    """Count the evaluations, and tell the step of the checkpoint that became the model; empty without evaluations."""
    if settings is None:
        return {}
    curve = read_curve(folder)
    return {"evaluations": len(curve), "kept_step": chosen(curve, settings).step}
