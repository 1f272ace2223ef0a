"""Cells and sources over seeds: each arm at each rate, and against the references."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rewriter_agent.config.arms import ARMS, REFERENCES
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.results import Measurement, means_over_seeds

from .results import ArmResult, Point, Rule

MATCHED_WITHIN = 0.01
"""Share of the task by which a model may be below SFT's best and still count as matched."""


def arm_results(
    arms: Iterable[str],
    cells: Sequence[Measurement],
    sources: Sequence[Measurement],
    rule: Rule = "matched",
) -> list[ArmResult]:
    """The arms that have been measured, over seeds; the first reference must be among them."""
    points = {arm: _points([cell for cell in cells if cell.arm == arm]) for arm in arms}
    points = {arm: found for arm, found in points.items() if found}
    if REFERENCES[0] not in points:
        return []
    wanted = max(p.metrics["task"].value for p in points[REFERENCES[0]]) - MATCHED_WITHIN
    plain = {arm: _arm(arm, found, wanted, sources, rule) for arm, found in points.items()}
    references = {name: plain[name] for name in REFERENCES if name in plain}
    return [_compared(arm, references) for arm in plain.values()]


def _arm(
    arm: str, points: list[Point], wanted: float, sources: Sequence[Measurement], rule: Rule
) -> ArmResult:
    def task(point: Point) -> float:
        return point.metrics["task"].value

    def forgetting(point: Point) -> float:
        return point.metrics["forgetting"].value

    able = [point for point in points if task(point) >= wanted]
    matched = min(able, key=forgetting).learning_rate if able else None
    best = max(points, key=lambda point: (task(point), -forgetting(point))).learning_rate
    own = [source for source in sources if source.arm == ARMS[arm].source]
    return ArmResult(arm, ARMS[arm].text, points, best, matched, means_over_seeds(own), {}, rule)


def _compared(arm: ArmResult, references: dict[str, ArmResult]) -> ArmResult:
    others = {name: other for name, other in references.items() if name != arm.arm}
    points = []
    for point in arm.points:
        same = {
            name: p
            for name, other in others.items()
            for p in other.points
            if p.learning_rate == point.learning_rate
        }
        points.append(replace(point, against=_differences(point, same)))
    chosen = {name: other.chosen for name, other in others.items()}
    return replace(arm, points=points, against=_differences(arm.chosen, chosen))


def _differences(point: Point, others: dict[str, Point]) -> dict[str, dict[str, SeedMean]]:
    """Paired differences in task and forgetting; others without a shared seed are left out."""
    return {
        name: {key: point.metrics[key].minus(other.metrics[key]) for key in ("task", "forgetting")}
        for name, other in others.items()
        if point.metrics["task"].by_seed.keys() & other.metrics["task"].by_seed.keys()
    }


def _points(cells: Sequence[Measurement]) -> list[Point]:
    rates = sorted({cell.learning_rate for cell in cells if cell.learning_rate is not None})
    return [Point(rate, means_over_seeds([c for c in cells if c.learning_rate == rate])) for rate in rates]
