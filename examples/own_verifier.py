"""A verifier of your own: answers are dates in words, and equal if they name the same day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from reward import Anchors, Candidate, Check, Grade, RewardConfig, TokenScores, Verdict, Verifier, score_group

FORMS = ("%Y-%m-%d", "%d %B %Y", "%B %d, %Y")


@dataclass(frozen=True)
class Problem:
    """Fields of a problem that `score_group` reads."""

    question: str
    solution: str
    answer: str
    convention: str
    anchors: Anchors


def day(text: str) -> date | None:
    """Parse the day that a text names in one of the known forms."""
    for form in FORMS:
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    return None


def verify(checks: Sequence[Check]) -> list[Grade]:
    """Grade each check, in order."""
    grades = []
    for check in checks:
        gold, answer = day(check.gold), day(check.answer)
        same = gold is not None and gold == answer
        grades.append(Grade(Verdict.EQUAL if same else Verdict.DIFFERENT, None, seconds=0.0))
    return grades


def backbone(_: object, passing: Sequence[Candidate]) -> list[TokenScores]:
    """Log-probs of each text's tokens; your model's, given the question alone."""
    return [TokenScores([-0.8] * len(candidate.text.split())) for candidate in passing]


PROBLEM = Problem(
    question="On which day did Apollo 11 land on the Moon?",
    solution="Mission log: touchdown 1969-07-20T20:17Z.\nThe answer is 1969-07-20.",
    answer="1969-07-20",
    convention="text",
    anchors=Anchors(expert=-2.4, own=-0.6),
)
CANDIDATES = [
    Candidate("Apollo 11 landed in the summer of 1969. The answer is 20 July 1969.", finished=True),
    Candidate("The landing was on a Sunday in July. The answer is July 20, 1969.", finished=True),
    Candidate("It was the day after the launch. The answer is 17 July 1969.", finished=True),
]

if __name__ == "__main__":
    config = RewardConfig()
    # The answers are compared above; claims about numbers are still checked by the package's own verifier.
    with Verifier(config) as verifier:
        scores = score_group(
            PROBLEM,
            CANDIDATES,
            config=config,
            verify=verify,
            check_steps=verifier.check_steps,
            backbone=backbone,
        )
    for candidate, score in zip(CANDIDATES, scores, strict=True):
        print(f"{score.total:.2f}  {score.reason or 'passes':<14}{candidate.text}")
