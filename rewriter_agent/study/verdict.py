"""What a study says, in a few sentences that its numbers decide."""

from ..arms import REFERENCES
from .results import ArmResult, OverSeeds, StudyResult

LEARNED = "rl"


def verdict(result: StudyResult) -> str:
    """The claim in one paragraph: the learned rewriter against SFT and against best-of-N, at matched task scores."""
    arms = {arm.arm: arm for arm in result.arms}
    if LEARNED not in arms or REFERENCES[0] not in arms:
        return "The study has no RL rewriter to compare yet."
    learned = arms[LEARNED]
    seeds = f"over {len(result.seeds)} seed{'s' if len(result.seeds) > 1 else ''}"
    sentences = [
        f"Fine-tuned on the RL rewriter's targets, the model forgets {_points(_forgetting(learned))} {seeds} "
        f"(task {_percent(learned)} %, base {100 * result.base['task']:.1f} %)."
    ]
    for name in REFERENCES:
        if name in learned.against:
            other = arms[name]
            title = other.text[0].upper() + other.text[1:]
            sentences.append(
                f"{title}: {_points(_forgetting(other))} (task {_percent(other)} %); the RL rewriter "
                f"{_compared(learned.against[name]['forgetting'])}."
            )
    return " ".join(sentences)


def _forgetting(arm: ArmResult) -> OverSeeds:
    return arm.chosen.metrics["forgetting"]


def _percent(arm: ArmResult) -> str:
    return f"{100 * arm.chosen.metrics['task'].value:.1f}"


def _points(value: OverSeeds) -> str:
    return f"{100 * value.value:.1f} points"


def _compared(difference: OverSeeds) -> str:
    size = f"{abs(100 * difference.value):.1f} points {'less' if difference.value < 0 else 'more'}"
    if not difference.has_interval:
        return f"forgets {size}, of one seed"
    beyond = "" if difference.low > 0 or difference.high < 0 else ", which may be chance"
    ends = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "−")
    return f"forgets {size}{beyond} (95 % interval {ends})"
