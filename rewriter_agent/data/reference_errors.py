"""Errors of the checks against a reference, measured on the user's own data before anything is trained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from reward import Check, Verdict, Verify, check_of
from reward.judge import FalseAcceptance
from reward.reference.alterations import ACCEPTED, REFUSED, Change
from reward.reference.config import ReferenceConfig

from .problem import Problem

MOST_PROBLEMS = 200
"""Problems that are altered, evenly spaced."""
UNCHANGED = "the reference itself"
CONVENTION = "reference"


@dataclass(frozen=True)
class KindOfError:
    """Verdicts on references that were changed in one way, which either changes their meaning or does not."""

    change: str
    must_pass: bool
    trials: int
    passed: int
    undecided: int
    """Texts whose check reached a limit or failed; they do not pass."""

    @property
    def errors(self) -> int:
        """Texts that passed and must not, or the reverse."""
        return self.trials - self.passed if self.must_pass else self.passed

    @property
    def rate(self) -> float:
        """Share of errors."""
        return self.errors / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson score interval of the rate, at 95 %."""
        return FalseAcceptance(self.errors, self.trials).interval()

    def record(self) -> dict[str, Any]:
        """Entries for a JSON file."""
        return {**vars(self), "error": "false rejection" if self.must_pass else "false acceptance"}


def reference_errors(problems: Sequence[Problem], verify: Verify, seed: int) -> list[KindOfError]:
    """Let the checks grade altered references, by kind of change; empty under every other convention."""
    count = sum(problem.convention == CONVENTION for problem in problems)
    if not count:
        return []
    compared = (problem for problem in problems if problem.convention == CONVENTION)
    chosen = list(islice(compared, 0, None, -(-count // MOST_PROBLEMS)))
    kinds = [(UNCHANGED, True, _unchanged), *((name, False, change) for name, change in REFUSED.items())]
    kinds += [(name, True, change) for name, change in ACCEPTED.items()]
    found = [
        (name, must_pass, list(_altered(chosen, change, f"{seed} {name}")))
        for name, must_pass, change in kinds
    ]
    grades = iter(verify([check for _, _, checks in found for check in checks]))
    return [
        _counted(name, must_pass, [next(grades).verdict for _ in checks])
        for name, must_pass, checks in found
        if checks
    ]


def limit_fault(errors: Sequence[KindOfError], config: ReferenceConfig) -> str | None:
    """Explain why training must not start: the checks err more than the config allows, beyond chance; else None."""
    limits = {
        True: ("max_false_rejection", config.max_false_rejection, "refuse"),
        False: ("max_false_acceptance", config.max_false_acceptance, "accept"),
    }
    for one in errors:
        key, limit, verb = limits[one.must_pass]
        if limit is not None and one.interval[0] > limit:
            return (
                f"the checks in reward.reference {verb} {one.errors} of {one.trials} references after this change: "
                f"{one.change} ({one.rate:.0%}{_undecided(one)}), more than reward.reference.{key}={limit:g}. "
                "`rewriter-agent gap` "
                f"shows all changes. Choose other checks or limits in reward.reference, or set {key} higher"
            )
    return None


def _undecided(one: KindOfError) -> str:
    if not one.undecided:
        return ""
    return f"; {one.undecided} are undecided: their check reached a limit, or the function in verifier failed"


def error_rows(errors: Sequence[KindOfError]) -> list[list[str]]:
    """Rows of a table: the change, the right verdict, the texts, and the share of errors with its interval."""
    return [
        [
            one.change,
            "pass" if one.must_pass else "be refused",
            str(one.trials),
            f"{one.rate:.1%} ({one.interval[0]:.0%} to {one.interval[1]:.0%})",
            str(one.undecided),
        ]
        for one in errors
    ]


ERROR_COLUMNS = ("references after this change", "must", "texts", "errors (95 %)", "undecided")


def _unchanged(text: str, other: str, rng: Random) -> str:
    return text


def _altered(problems: Sequence[Problem], change: Change, seed: str) -> Iterator[Check]:
    for number, problem in enumerate(problems):
        other = problems[number - 1].solution
        text = change(problem.solution, other, Random(f"{seed} {problem.id}"))
        # The references of two rows may be the same.
        if text is not None and (change is _unchanged or text.split() != problem.solution.split()):
            yield check_of(problem.question, problem.answer, text, problem.convention)


def _counted(change: str, must_pass: bool, verdicts: Sequence[Verdict]) -> KindOfError:
    return KindOfError(
        change, must_pass, len(verdicts), verdicts.count(Verdict.EQUAL), verdicts.count(Verdict.UNDECIDED)
    )
