"""Expert solutions that hold a false step, found by the verifier that checks the steps of rewrites."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reward import CheckSteps, FalseStep, StepCheck
from rewriter_agent.io.files import batches

from .problem import Problem

SHOWN = 80
AT_A_TIME = 1000
"""Solutions in memory."""


@dataclass(frozen=True)
class StepFault:
    """Problem whose expert solution holds at least one false step."""

    problem: Problem
    checked: int
    """Claims of the solution that were decided."""
    false: tuple[FalseStep, ...]

    def row(self) -> dict[str, Any]:
        """Convert to a row for a file."""
        steps = [asdict(step) for step in self.false]
        return {**self.problem.row(), "steps_checked": self.checked, "false_steps": steps}


def step_faults(problems: Iterable[Problem], check_steps: CheckSteps) -> list[StepFault]:
    """Find the problems whose expert solution holds a false step, the one with most false steps first."""
    faults = [fault for some in batches(problems, AT_A_TIME) for fault in _faults(some, check_steps)]
    return sorted(faults, key=lambda fault: -len(fault.false))


def _faults(problems: Sequence[Problem], check_steps: CheckSteps) -> Iterator[StepFault]:
    reports = check_steps([StepCheck(one.solution, one.question, one.convention) for one in problems])
    for problem, report in zip(problems, reports, strict=True):
        if report is not None and report.false:
            yield StepFault(problem, report.checked, report.false)


def describe(faults: Sequence[StepFault], of: int) -> str:
    """Describe the faults in one line, with the first of them."""
    first = faults[0]
    more = f" and {len(first.false) - 1} more" if len(first.false) > 1 else ""
    return (
        f"{len(faults)} of {of} expert solutions hold a false step; the worst: {first.problem.question!r:.60}, where "
        f"{str(first.false[0])!r:.{SHOWN}}{more}"
    )
