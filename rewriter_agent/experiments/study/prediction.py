"""A prediction made before the numbers, and the rules that decide it."""

from dataclasses import dataclass
from typing import Literal

from rewriter_agent.evaluate.seed_mean import SeedMean

Standing = Literal["held", "refuted", "open"]
GOES_WITH = 0.5
"""Least rank correlation at which two quantities count as related."""


@dataclass(frozen=True)
class Hypothesis:
    """A prediction and how it stands."""

    name: str
    text: str
    refuted_if: str
    found: str
    """Numbers that decide it."""
    standing: Standing
    intervals: int = 1
    """Number of intervals that decide it, each of which excludes 0 by chance in one of twenty studies."""


def below_zero(difference: SeedMean) -> Standing:
    """Decide by the interval; open if it holds 0, or if there is only one seed."""
    if not difference.beyond_chance:
        return "open"
    return "held" if difference.high < 0 else "refuted"


def helps(task: SeedMean, forgetting: SeedMean) -> Standing:
    """Decide by two differences: one must be better for certain, and none worse."""
    if not task.has_interval:
        return "open"
    if task.high < 0 or forgetting.low > 0:
        return "refuted"
    return "held" if task.low > 0 or forgetting.high < 0 else "open"


def nothing_lost(forgetting: SeedMean) -> bool:
    """Whether a model may have forgotten nothing, so that there is no share of it."""
    return forgetting.has_interval and forgetting.low <= 0


def signed_points(value: SeedMean) -> str:
    """Format a difference in points, with the interval over seeds if there is one."""
    text = f"{100 * value.value:+.1f}"
    if value.has_interval:
        text += f" [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"
    return text.replace("-", "−")
