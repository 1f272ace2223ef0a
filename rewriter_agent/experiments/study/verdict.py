"""Result of a study in a few sentences that its numbers decide."""

from rewriter_agent.config.arms import ARMS, REFERENCES
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.report.format import excludes_zero

from .results import ArmResult, StudyResult

LEARNED = "rl"


def study_verdict(result: StudyResult) -> str:
    """State the scores of the learned rewriter, SFT and best-of-N, each at its compared rate."""
    arms = {arm.arm: arm for arm in result.arms}
    if LEARNED not in arms:
        return "The study has no RL rewriter to compare yet."
    rl, base = arms[LEARNED], {name: f"{100 * result.base[name]:.1f} %" for name in ("task", "retention")}
    first = (
        f"Fine-tuned on the RL rewriter's targets the model scores {_percent(rl, 'task')} % on the task (base "
        f"{base['task']}) and {_percent(rl, 'retention')} % on what it could do before (base {base['retention']})."
    )
    others = [
        f"{_title(arms[name])}: {_percent(arms[name], 'task')} % and {_percent(arms[name], 'retention')} %."
        for name in REFERENCES
        if name in arms
    ]
    return " ".join([first, *others])


def differences(result: StudyResult) -> str | None:
    """Compare the learned rewriter with each reference, paired by seed; None if it was not measured."""
    learned = next((arm for arm in result.arms if arm.arm == LEARNED), None)
    if learned is None:
        return None
    seeds = f"Over {len(result.seeds)} seeds" if len(result.seeds) > 1 else "With one seed"
    against = [_against(name, found) for name, found in learned.against.items()]
    return f"{seeds} the RL rewriter's model scores {'; '.join(against)}."


def _against(name: str, difference: dict[str, SeedMean]) -> str:
    higher = _compared(difference["task"], "higher", "lower")
    return (
        f"{higher} and forgets {_compared(difference['forgetting'], 'more', 'less')} than {ARMS[name].text}"
    )


def _title(arm: ArmResult) -> str:
    return arm.text[0].upper() + arm.text[1:]


def _percent(arm: ArmResult, what: str) -> str:
    return f"{100 * arm.chosen.metrics[what].value:.1f}"


def _compared(difference: SeedMean, more: str, less: str) -> str:
    size = f"{abs(100 * difference.value):.1f} points {more if difference.value > 0 else less}"
    if not difference.has_interval:
        return size
    beyond = "" if excludes_zero(difference) else ", which may be chance"
    ends = f"{100 * difference.low:+z.1f} to {100 * difference.high:+z.1f}".replace("-", "−")
    return f"{size} ({ends}{beyond})"
