"""What a rewriting job has come to: outcomes, rejections and cost, counted row by row."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from reward.judge import FalseAcceptance
from rewriter_agent.io.files import read_table

from .record import COSTS

ACCEPTED = "accepted"


class Tally:
    """Counts over the rows of `REWRITES`, a problem's first row standing for the problem."""

    columns = ("target", "outcome", "reason", "scores", "judged_bad", *COSTS)

    def __init__(self) -> None:
        self.targets = 0
        self.outcomes: Counter[str] = Counter()
        """Problems."""
        self.reasons: Counter[str] = Counter()
        """Problems that kept the expert's solution, by reason."""
        self.verdicts: Counter[str] = Counter()
        """Candidates: accepted, or by the rule that rejected them."""
        self.costs: Counter[str] = Counter()
        self.judged_bad: list[bool] = []

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Self:
        """The tally of these rows."""
        tally = cls()
        for row in rows:
            tally.add(row)
        return tally

    def add_file(self, path: Path) -> None:
        """Count a file of rows."""
        for row in read_table(path, self.columns):
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        """Count a row."""
        self.targets += 1
        if row["target"] == 0:
            self.outcomes[row["outcome"]] += 1
            self.reasons.update([row["reason"]] if row["reason"] else [])
        self.verdicts.update(score["reason"] or ACCEPTED for score in row["scores"])
        self.costs.update({cost: row[cost] for cost in COSTS})
        self.judged_bad += row["judged_bad"]

    @property
    def problems(self) -> int:
        """Problems counted."""
        return self.outcomes.total()

    @property
    def accepted(self) -> float | None:
        """Share of the candidates that passed the gate; None without candidates."""
        return self.verdicts[ACCEPTED] / self.verdicts.total() if self.verdicts else None

    @property
    def rejections(self) -> dict[str, int]:
        """Candidates by the rule that rejected them, the commonest first."""
        return {rule: count for rule, count in self.verdicts.most_common() if rule != ACCEPTED}

    def metrics(self) -> dict[str, float]:
        """Shares of the problems by outcome and of the candidates by verdict, and costs."""
        candidates = self.verdicts.total()
        return {
            **{f"outcome/{name}": count / self.problems for name, count in sorted(self.outcomes.items())},
            **{f"gate/{name}": count / candidates for name, count in sorted(self.verdicts.items())},
            **{cost: self.costs[cost] for cost in COSTS},
        }

    def line(self) -> str:
        """Describe it for the terminal."""
        mix = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return mix if self.accepted is None else f"{mix} | {self.accepted:.0%} of candidates pass"

    def counts(self) -> dict[str, Any]:
        """Return the counts for the manifest."""
        return {
            "problems": self.problems,
            "targets": self.targets,
            **dict(sorted(self.outcomes.items())),
            **{cost: self.costs[cost] for cost in COSTS},
            "accepted_candidates": self.verdicts[ACCEPTED],
            **{f"rejected/{rule}": count for rule, count in sorted(self.rejections.items())},
            **self._judge(),
        }

    def _judge(self) -> dict[str, str]:
        """How often the judge accepted reasoning known to be bad, with a 95 % interval."""
        if not self.judged_bad:
            return {}
        estimate = FalseAcceptance.of(self.judged_bad)
        low, high = estimate.interval()
        return {"judge_false_accept": f"{estimate.rate:.2f} ({low:.2f}-{high:.2f}, n={estimate.trials})"}
