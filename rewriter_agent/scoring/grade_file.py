"""Command `grade`: verdicts on a file of texts, by the verifier that the reward uses."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from reward import (
    Check,
    Grade,
    RewardConfig,
    StepCheck,
    StepReport,
    Verdict,
    Verifier,
    check_of,
    extract_answer,
)
from rewriter_agent.data.gold import answer_in, gold_fault
from rewriter_agent.io.files import atomic
from rewriter_agent.io.progress import Progress

from .grade_rows import GradeRow, read_rows
from .verifier import make_verifier

CHUNK = 2048
"""Rows graded together; memory does not grow with the file."""
PROGRESS_SECONDS = 2.0
MAX_NAME_BYTES = 200
"""Longest name of the output; file systems take 255, and the temporary file's name is longer."""
NO_ANSWER = Grade(Verdict.DIFFERENT, "no_answer")
INVALID_GOLD = Grade(Verdict.UNDECIDED, "invalid_gold")


@dataclass
class Summary:
    """What came out of a file."""

    rows: int = 0
    seconds: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    timeouts: int = 0
    crashes: int = 0
    steps_checked: int | None = None
    """Claims that were decided; None if steps were not asked for."""
    false_steps: int = 0
    texts_with_false_step: int = 0
    texts_with_broken_step: int = 0
    texts_undecided: int = 0
    bad_golds: int = 0
    first_bad_gold: str = ""

    def count(self, grades: Iterable[Grade]) -> None:
        """Add some rows."""
        for grade in grades:
            self.rows += 1
            self.verdicts[grade.verdict.value] += 1
            if grade.reason:
                self.reasons[grade.reason] += 1

    def count_steps(self, reports: Iterable[StepReport | None]) -> None:
        """Add the reports on some rows."""
        self.steps_checked = self.steps_checked or 0
        for report in reports:
            if report is None:
                self.texts_undecided += 1
                continue
            self.steps_checked += report.checked
            self.false_steps += len(report.false)
            self.texts_with_false_step += bool(report.false)
            self.texts_with_broken_step += bool(report.broken)

    def note_golds(self, rows: Iterable["_Asked"]) -> None:
        """Add the rows whose gold is at fault."""
        for row in rows:
            if row.gold_fault is not None:
                self.bad_golds += 1
                self.first_bad_gold = self.first_bad_gold or f"row {row.id!r}: {row.gold_fault}"

    def __str__(self) -> str:
        rate = self.rows / self.seconds if self.seconds else 0.0
        bad_golds = (
            f"\ngolds that no answer can meet: {self.bad_golds}; the first: {self.first_bad_gold}"
            if self.bad_golds
            else ""
        )
        return (
            f"{self.rows} rows in {self.seconds:.1f} s ({rate:.0f} rows/s)\n"
            f"verdicts: {', '.join(f'{v.value} {self.verdicts[v.value]}' for v in Verdict)}\n"
            f"reasons: {_counts(self.reasons) or 'none'}\n"
            f"timeouts: {self.timeouts}, crashes: {self.crashes}{self._steps()}{bad_golds}"
        )

    def _steps(self) -> str:
        if self.steps_checked is None:
            return ""
        return (
            f"\nsteps: {self.steps_checked} checked, {self.false_steps} false, in {self.texts_with_false_step} texts; "
            f"{self.texts_with_broken_step} texts have a broken step; {self.texts_undecided} texts reached a limit"
        )


def grade_file(
    source: Path,
    output: Path,
    config: RewardConfig,
    convention: str = "boxed",
    mode: str = "strict",
    *,
    steps: bool = False,
) -> Summary:
    """Grade every row of `source` into `output`, one line a row in the same order, whole or not at all.

    With `steps` the texts' steps are checked, too.
    If `output` is a link, the file that it points to is written.

    Raises:
        ValueError: a file cannot be used, or a row is malformed (the file is checked before any is graded).
    """
    output = _check_output(source, output)
    total = sum(1 for _ in read_rows(source, convention, mode))
    progress, summary = Progress("grade", sys.stderr), Summary()
    shown = 0.0
    with make_verifier(config) as verifier, atomic(output) as temporary, temporary.open("w") as lines:
        for rows in _chunks(read_rows(source, convention, mode), steps):
            grades = _grade_chunk(rows, verifier)
            reports = verifier.check_steps([row.steps for row in rows if row.steps is not None])
            lines.writelines(map(_line, rows, grades, reports if steps else repeat(None)))
            summary.count(grades)
            summary.note_golds(rows)
            if steps:
                summary.count_steps(reports)
            if progress.elapsed - shown >= PROGRESS_SECONDS:
                shown = progress.elapsed
                progress.share(summary.rows, total, f"rows | {_counts(summary.verdicts)}")
        summary.timeouts, summary.crashes = verifier.timeouts, verifier.crashes
    summary.seconds = progress.elapsed
    return summary


def _check_output(source: Path, output: Path) -> Path:
    """`output` without links."""
    if len(os.fsencode(output.name)) > MAX_NAME_BYTES:
        raise ValueError(f"--output: the file name is longer than {MAX_NAME_BYTES} bytes; name a shorter one")
    try:
        output = output.resolve() if output.is_symlink() else output
    except (OSError, RuntimeError) as error:  # links that lead round in a circle, names that are too long
        raise ValueError(f"--output: '{output}' cannot be used ({error}); name another file") from error
    if not output.parent.is_dir():
        raise ValueError(f"--output: the folder '{output.parent}' does not exist; make it, or name another")
    if output.is_dir():
        raise ValueError(f"--output: '{output}' is a folder; name a file in it")
    if output.exists() and not output.is_file():
        raise ValueError(f"--output: '{output}' is a device or pipe, no file; name a file")
    if not os.access(output.parent, os.W_OK):
        raise ValueError(f"--output: the folder '{output.parent}' cannot be written to; name another")
    if output.exists() and source.exists() and output.samefile(source):
        raise ValueError(f"--output: '{output}' is the input itself; name another file")
    return output


@dataclass(frozen=True)
class _Asked:
    """A row without its text, which may be long, unless its steps are to be checked."""

    id: str | int
    extracted: str | None
    check: Check | None
    gold_fault: str | None
    steps: StepCheck | None


def _chunks(rows: Iterator[GradeRow], steps: bool) -> Iterator[list[_Asked]]:
    asked = map(_ask, rows, repeat(steps))
    while chunk := list(islice(asked, CHUNK)):
        yield chunk


def _ask(row: GradeRow, steps: bool) -> _Asked:
    extracted = extract_answer(row.text, row.convention, strict=row.strict)
    gold = answer_in(row.gold, row.convention) or row.gold
    fault = gold_fault(gold, row.convention)
    # The verifier reports invalid tests as well.
    is_refused = fault is not None and row.convention != "python"
    is_graded = extracted is not None and not is_refused
    check = check_of(row.question, gold, extracted, row.convention) if is_graded else None
    step_check = StepCheck(row.text, row.question, row.convention) if steps else None
    return _Asked(row.id, extracted, check, fault, step_check)


def _grade_chunk(rows: list[_Asked], verifier: Verifier) -> list[Grade]:
    verified = iter(verifier.verify([row.check for row in rows if row.check is not None]))
    return [_grade_unasked(row) if row.check is None else next(verified) for row in rows]


def _grade_unasked(row: _Asked) -> Grade:
    return NO_ANSWER if row.gold_fault is None else INVALID_GOLD


def _line(row: _Asked, grade: Grade, report: StepReport | None) -> str:
    values: dict[str, Any] = {
        "id": row.id,
        "verdict": grade.verdict.value,
        "extracted": row.extracted,
        "reason": grade.reason,
        "seconds": round(grade.seconds, 6),
    }
    if row.steps is not None:
        values["steps"] = None if report is None else asdict(report)
    # Plain ASCII: half a surrogate pair, which JSON may hold escaped, has no UTF-8.
    return json.dumps(values) + "\n"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())
