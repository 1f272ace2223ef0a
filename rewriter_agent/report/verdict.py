"""The result in one sentence, which says of each difference what its interval says."""

from rewriter_agent.config.method import Method
from rewriter_agent.evaluate.summary import Comparison

from .format import Difference, excludes_zero, oriented
from .titles import subject


def verdict(comparison: Comparison, method: Method = "rewrite") -> str:
    """Say what rewriting changed against SFT on expert data, with uncertainty and sample size."""
    gain, forgetting = comparison.gain, comparison.forgetting
    task = on_the_task(gain, f", n = {gain.n} test problems")
    kept = elsewhere(forgetting, f", n = {forgetting.n} retention items")
    return f"Against SFT on the expert data, {subject(method)} {task}, and {kept}."


def beyond_chance(comparison: Comparison) -> bool:
    """Whether the verdict is sure of a difference."""
    return excludes_zero(comparison.gain) or excludes_zero(comparison.forgetting)


def on_the_task(gain: Difference, items: str = "") -> str:
    """Clause about a difference on the task."""
    return _clause(gain, "scores", ("higher", "lower"), "on the task", items)


def elsewhere(forgetting: Difference, items: str = "") -> str:
    """Clause about a difference in forgetting."""
    return _clause(forgetting, "forgets", ("more", "less"), "elsewhere", items)


def _clause(change: Difference, verb: str, words: tuple[str, str], where: str, items: str) -> str:
    size, interval = oriented(change)
    known = f"({interval}{items})"
    if excludes_zero(change):
        return f"{verb} {size} {words[0 if change.value > 0 else 1]} {where} {known}"
    if size == "0.0 points":
        return f"{verb} the same {where} {known}"
    return f"{verb} {size} {words[0 if change.value > 0 else 1]} {where}, which may be chance {known}"
