"""Types of the report on a text's steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FalseStep:
    """Claim that does not hold: its `text`, the `claimed` side as written, and the exact `value` of the other side."""

    text: str
    claimed: str
    value: str

    def __str__(self) -> str:
        return f"{self.text} (the value is {self.value})"


@dataclass(frozen=True)
class StepReport:
    """Number of claims that were decided, the false ones, and the texts of broken steps and of open ones.

    An open step is an equation that arithmetic cannot decide, such as `6 plim = 23`.
    """

    checked: int
    false: tuple[FalseStep, ...]
    broken: tuple[str, ...]
    open: tuple[str, ...] = ()
