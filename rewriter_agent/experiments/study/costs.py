"""Costs of an arm: what its targets, the training of their writer, and general prompts have taken."""

from .results import ArmResult, Point

COSTS = {
    "rollouts": "training_rollouts",
    "generated_tokens": "training_tokens",
    "scored_tokens": "training_scored_tokens",
}
"""Costs of making targets, and their names in training."""


def total_cost(arm: ArmResult, point: Point, cost: str) -> float | None:
    """Sum a cost over targets, training and answers for replay, per seed; None if the arm has none."""
    parts = (arm.source.get(cost), arm.source.get(COSTS[cost]), point.metrics.get(f"replay_{cost}"))
    spent = [part.value for part in parts if part is not None]
    return sum(spent) if spent else None
