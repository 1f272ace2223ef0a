"""Outcomes, rejections and cost of a rewriting job, counted over its tables."""

from collections import Counter
from typing import Any, Self

from reward.judge import FalseAcceptance
from rewriter_agent.config.method import Method, trains_on
from rewriter_agent.config.outcomes import DROPPED, EXPERTS
from rewriter_agent.io.files import read_table
from rewriter_agent.runtime.run_folder import StageFolder

from .record import COSTS

ACCEPTED = "accepted"


def nothing_accepted(strategy: str, left: str) -> str:
    """Tell the user that no problem has an accepted target; `left` says what remains."""
    return (
        f"no candidate of strategy '{strategy}' passed the gate: {left}. See rewrite/manifest.json for the reasons; "
        "train the rewriter longer, raise rewrite.num_generations or rewrite.max_completion_length, or take another "
        "strategy."
    )


class Tally:
    """Counts over the targets, candidates and costs of a job or of its shards."""

    def __init__(self, method: Method = "rewrite") -> None:
        """Count as targets the rows that the method trains on."""
        self.method: Method = method
        self.targets = 0
        self.checked_targets = 0
        """Targets whose steps were checked; the others reached a limit."""
        self.false_targets = 0
        """Targets with at least one false step."""
        self.outcomes: Counter[str] = Counter()
        """Problems by outcome."""
        self.reasons: Counter[str] = Counter()
        """Problems without an accepted candidate, by reason."""
        self.verdicts: Counter[str] = Counter()
        """Candidates: accepted, or by the rule that rejected them."""
        self.coverages, self.coverage_sum = 0, 0.0
        """Number and sum of the coverages of the rewritten targets to whose problem the expert brings facts."""
        self.costs: Counter[str] = Counter()
        self.judged_bad: list[bool] = []
        """Verdicts of the judge on texts that are known to be bad."""

    @classmethod
    def of(cls, folder: StageFolder, method: Method = "rewrite") -> Self:
        """Count the tables in a folder."""
        tally = cls(method)
        tally.add_folder(folder)
        return tally

    def add_folder(self, folder: StageFolder) -> None:
        """Add the tables in a folder to the counts."""
        for row in read_table(folder.rewrites, ("target", "outcome", "reason", "coverage", "false_steps")):
            is_used = trains_on(self.method, row["outcome"])
            if row["target"] == 0:
                self.outcomes[row["outcome"] if is_used else DROPPED] += 1
                self.reasons.update([row["reason"]] if row["reason"] else [])
            if not is_used:
                continue
            self.targets += 1
            if row["coverage"] is not None and row["outcome"] not in EXPERTS:
                self.coverages += 1
                self.coverage_sum += row["coverage"]
            self.checked_targets += row["false_steps"] is not None
            self.false_targets += bool(row["false_steps"])
        self.verdicts.update(row["reason"] or ACCEPTED for row in read_table(folder.candidates, ("reason",)))
        for row in read_table(folder.costs, (*COSTS, "judged_bad")):
            self.judged_bad += row.pop("judged_bad")
            self.costs.update(row)

    @property
    def problems(self) -> int:
        """Problems counted."""
        return self.outcomes.total()

    @property
    def accepted(self) -> float | None:
        """Share of the candidates that passed the gate; None without candidates."""
        return self.verdicts[ACCEPTED] / self.verdicts.total() if self.verdicts else None

    @property
    def coverage(self) -> float | None:
        """Mean share of the expert's facts that a rewritten target holds; None if there is nothing to hold."""
        return self.coverage_sum / self.coverages if self.coverages else None

    @property
    def false_share(self) -> float | None:
        """Share of the targets that hold a false step; None if none was checked."""
        return self.false_targets / self.checked_targets if self.checked_targets else None

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
            **({} if self.coverage is None else {"coverage": self.coverage}),
            **({} if self.false_share is None else {"targets_with_false_step": self.false_share}),
            **{cost: self.costs[cost] for cost in COSTS},
        }

    def line(self) -> str:
        """Summary for the terminal."""
        mix = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return mix if self.accepted is None else f"{mix} | {self.accepted:.0%} of candidates pass"

    def counts(self) -> dict[str, Any]:
        """Counts for the manifest."""
        return {
            "problems": self.problems,
            "targets": self.targets,
            "targets_with_false_step": self.false_targets,
            **dict(sorted(self.outcomes.items())),
            **{cost: self.costs[cost] for cost in COSTS},
            "accepted_candidates": self.verdicts[ACCEPTED],
            **({} if self.coverage is None else {"coverage": f"{self.coverage:.3f}"}),
            **{f"rejected/{rule}": count for rule, count in sorted(self.rejections.items())},
            **self._judge(),
        }

    def _judge(self) -> dict[str, str]:
        """Rate at which the judge accepted texts known to be bad, with a 95 % interval."""
        if not self.judged_bad:
            return {}
        estimate = FalseAcceptance.of(self.judged_bad)
        low, high = estimate.interval()
        return {"judge_false_accept": f"{estimate.rate:.2f} ({low:.2f}-{high:.2f}, n={estimate.trials})"}
