"""Convention `reference`: there is no answer; a text is right if it says the same as the expert's solution."""

from reward.answers.extract.visible import is_blank, visible
from reward.config import RewardConfig
from reward.reference import coverage, function
from reward.types import Check, GradeReason, Verdict

Result = tuple[Verdict, GradeReason | None]


def decide(check: Check, config: RewardConfig) -> Result | None:
    """Compare by coverage, in linear time; None if the user's own function must be asked too."""
    reference = visible(check.gold)
    if is_blank(reference):
        return Verdict.UNDECIDED, "invalid_gold"
    chosen = config.reference
    if chosen.coverage is not None:
        covered = coverage.compare(check.question, reference, check.answer)
        if not covered.passes(chosen.coverage):
            return Verdict.DIFFERENT, "coverage"
    return (Verdict.EQUAL, None) if chosen.verifier is None else None


def compare(check: Check, config: RewardConfig) -> Result:
    """Ask the user's own function, after coverage; it is called in the sandboxed process."""
    chosen = config.reference
    assert chosen.verifier is not None, "coverage alone is decided at once"
    score = function.score(chosen.verifier, check.question, check.gold, check.answer)
    return (Verdict.EQUAL, None) if score >= chosen.min_score else (Verdict.DIFFERENT, "verifier")
