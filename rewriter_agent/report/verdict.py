"""The result in one sentence."""

from rewriter_agent.config.method import Method
from rewriter_agent.evaluate.statistics import Change
from rewriter_agent.evaluate.summary import Comparison

from .format import oriented, p_value
from .titles import subject


def verdict(comparison: Comparison, method: Method = "rewrite") -> str:
    """Say what rewriting changed against SFT on expert data, with uncertainty and sample size.

    A difference may be chance if its interval includes 0. Interval and p-value agree on that: `mean_change` makes both.
    """
    gain, forgetting = comparison.gain, comparison.forgetting
    task = _clause(gain, "scores", ("higher", "lower"), "on the task", "test problems")
    kept = _clause(forgetting, "forgets", ("more", "less"), "elsewhere", "retention items")
    return f"Against SFT on the expert data, {subject(method)} {task}, and {kept}."


def chance(value: float) -> str:
    """A p-value as text."""
    return f"p {p_value(value)}" if value < 0.001 else f"p = {p_value(value)}"


def _clause(change: Change, verb: str, words: tuple[str, str], where: str, items: str) -> str:
    size, interval = oriented(change)
    n = f"({interval}, n = {change.n} {items}, {chance(change.p_value)})"
    direction = words[0] if change.value > 0 else words[1]
    if change.beyond_chance:
        return f"{verb} {size} {direction} {where} {n}"
    if change.value == 0:
        return f"{verb} the same {where} {n}"
    return f"{verb} {size} {direction} {where}, which may be chance {n}"
