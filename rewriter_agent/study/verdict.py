"""What a study says, in a few sentences that its numbers decide."""

from .arms import REFERENCES
from .results import ArmResult, OverSeeds, StudyResult

LEARNED = "rl"


def verdict(result: StudyResult) -> str:
    """The claim in one paragraph: the learned rewriter against SFT and against best-of-N, at matched task scores."""
    arms = {arm.arm: arm for arm in result.arms}
    if LEARNED not in arms or REFERENCES[0] not in arms:
        return "The study has no RL rewriter to compare yet."
    learned = arms[LEARNED]
    seeds = f"Over {len(result.seeds)} seeds" if len(result.seeds) > 1 else "With one seed"
    task = _percent(learned.chosen.metrics["task"])
    first = (
        f"{seeds}, fine-tuning on the RL rewriter's targets leaves {task} % of the task (base "
        f"{100 * result.base['task']:.1f} %) and forgets {_forgotten(learned)} elsewhere."
    )
    return " ".join(
        [first, *(_against(learned, arms[name]) for name in REFERENCES if name in learned.against)]
    )


def _against(learned: ArmResult, other: ArmResult) -> str:
    difference = learned.against[other.arm]
    title = other.text[0].upper() + other.text[1:]
    return (
        f"{title}: {_percent(other.chosen.metrics['task'])} % and {_forgotten(other)}; the RL rewriter's model scores "
        f"{_compared(difference['task'], 'higher', 'lower')} and forgets "
        f"{_compared(difference['forgetting'], 'more', 'less')}."
    )


def _percent(value: OverSeeds) -> str:
    return f"{100 * value.value:.1f}"


def _forgotten(arm: ArmResult) -> str:
    return f"{100 * arm.chosen.metrics['forgetting'].value:z.1f} points".replace("-", "−")


def _compared(difference: OverSeeds, more: str, less: str) -> str:
    size = f"{abs(100 * difference.value):.1f} points {more if difference.value > 0 else less}"
    if not difference.has_interval:
        return size
    beyond = "" if difference.low > 0 or difference.high < 0 else ", which may be chance"
    ends = f"{100 * difference.low:+z.1f} to {100 * difference.high:+z.1f}".replace("-", "−")
    return f"{size} ({ends}{beyond})"
