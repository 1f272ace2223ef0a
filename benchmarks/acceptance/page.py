"""The page of the acceptance, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .parts import Part
from .rows import Row


@dataclass(frozen=True)
class Outcome:
    """What became of a part."""

    part: Part
    rows: Sequence[Row] = ()
    cpu: Mapping[str, Row] = field(default_factory=dict)
    """The CPU's rows by `what`."""
    seconds: float = 0.0
    not_run: str | None = None
    """Reason why it was not run."""
    failure: str | None = None
    """Last line of its error."""

    @property
    def verdict(self) -> str:
        """`ran`, `not run` or `failed`, with the reason."""
        if self.not_run:
            return f"not run: {self.not_run}"
        if self.failure:
            return f"failed: {self.failure}"
        apart = [row.what for row in self.rows if not row.passes(self.cpu.get(row.what))]
        return f"failed: not near the CPU's: {', '.join(apart)}" if apart else f"ran ({self.seconds:.0f} s)"


def page(machine: Mapping[str, str], outcomes: Sequence[Outcome]) -> str:
    """Write the page."""
    lines = ["# Acceptance", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    lines += ["| part | outcome |", "| --- | --- |"]
    lines += [f"| {outcome.part.title} | {_cell(outcome.verdict)} |" for outcome in outcomes]
    for outcome in outcomes:
        if outcome.rows:
            lines += ["", f"## {outcome.part.title}", "", *_table(outcome)]
    return "\n".join(lines) + "\n"


def _table(outcome: Outcome) -> list[str]:
    lines = [
        "| what | unit | measured | on the CPU | allowed difference | planned |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in outcome.rows:
        beside = outcome.cpu.get(row.what)
        cells = [
            row.what,
            row.unit,
            _number(row.value),
            _number(beside and beside.value),
            _number(row.tolerance if beside else None),
            _number(row.planned),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
