"""Frontier of an arm, gain against forgetting over its rates, as one number."""

from rewriter_agent.evaluate.seed_mean import SeedMean

from .results import ArmResult


def mean_gain(arm: ArmResult, price: float) -> SeedMean:
    """Average the arm's gain over all prices in forgetting from 0 to `price`.

    Its gain at a price is the highest of its rates that forget at most as much, and 0 if none does: the backbone
    gains and forgets nothing.
    """
    assert price > 0
    shared = set.intersection(*(set(point.metrics["gain"].by_seed) for point in arm.points))
    return SeedMean.of({seed: _area(_steps(arm, seed), price) / price for seed in sorted(shared)})


def _steps(arm: ArmResult, seed: int) -> list[tuple[float, float]]:
    """Forgetting and gain of each rate with one seed, the cheapest first; less than no forgetting costs nothing."""
    points = [point.metrics for point in arm.points]
    return sorted((max(0.0, m["forgetting"].by_seed[seed]), m["gain"].by_seed[seed]) for m in points)


def _area(steps: list[tuple[float, float]], price: float) -> float:
    area = reached = 0.0
    ends = [*(cost for cost, _ in steps[1:]), price]
    for (cost, gain), end in zip(steps, ends, strict=True):
        reached = max(reached, gain)
        area += reached * max(0.0, min(end, price) - cost)
    return area
