"""The distance of a data set from the backbone, and the cost of rewriting all of it."""

from dataclasses import dataclass, field
from typing import Any

from rewriter_agent.data.reference_errors import KindOfError
from rewriter_agent.data.step_faults import StepFault

from .measure import RewritingTrial, RowGap


@dataclass(frozen=True)
class Gap:
    """Result of the command `gap`."""

    name: str
    model: str
    training_rows: int
    """Rows of the whole data set."""
    temperature: float
    """Sampling temperature of the backbone's own solutions."""
    kept: float
    """Share of the sample that `rewrite.keep_gap` leaves as it is."""
    summary: dict[str, Any]
    trial: RewritingTrial
    rows: list[RowGap]
    """The sample, the most alien first."""
    experts_read: int = 0
    """Expert solutions whose steps were checked: those of all training problems, or none."""
    faults: list[StepFault] = field(default_factory=list)
    """Problems whose expert solution holds a false step, the one with most of them first."""
    reference_errors: list[KindOfError] = field(default_factory=list)
    """Errors of the checks against the reference; empty under every other convention."""
    reference_fault: str | None = None
    """Reason for which training would not start, if these errors are above a limit of the config."""

    @property
    def cost(self) -> dict[str, float]:
        """Cost of rewriting every row as the trial did, in the job's terms."""
        rows = self.training_rows * (1 - self.kept)
        rollouts = rows * self.trial.candidates / self.trial.problems
        return {
            "rollouts": rollouts,
            "prompt_tokens": rows * self.trial.prompt_tokens,
            "generated_tokens": rollouts * self.trial.generated_tokens,
            "scored_tokens": rollouts * self.trial.scored_tokens,
        }


def cost_text(found: Gap) -> str:
    """Format the cost of rewriting every row."""
    costs = ", ".join(f"{count:,.0f} {name.replace('_', ' ')}" for name, count in found.cost.items())
    return costs + (f"; {found.kept:.0%} of the rows stay as they are" if found.kept else "")
