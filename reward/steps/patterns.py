"""Patterns of arithmetic in words, read from files that users can extend."""

import re
from dataclasses import dataclass
from pathlib import Path

_NUMBER = r"-?\d+(?:\.\d+)?"
_PLACEHOLDER = re.compile(r"\\\{([a-z])\\\}")


@dataclass(frozen=True)
class StepPattern:
    """Phrase with placeholders for numbers, and the `meaning` that a match states."""

    phrase: str
    meaning: str
    regex: re.Pattern[str]


def load_patterns(path: Path) -> list[StepPattern]:
    """Read a file of patterns, one a line; blank lines and lines that begin with # are skipped.

    Raises:
        ValueError: a line is no pattern; the message names the file, the line and what to change.
    """
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return [
        _read(line, f"{path}, line {number}")
        for number, line in lines
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _read(line: str, where: str) -> StepPattern:
    phrase, arrow, meaning = (part.strip() for part in line.partition("=>"))
    if not (phrase and arrow and meaning):
        raise ValueError(
            f"{where}: {line!r} is no pattern. Write: {{a}} plus {{b}} (is|equals) {{c}} => a + b = c"
        )
    regex = re.escape(phrase)
    for mark in "(|)":
        regex = regex.replace("\\" + mark, mark)
    regex = _PLACEHOLDER.sub(lambda name: f"(?P<{name[1]}>{_NUMBER})", regex).replace(r"\ ", r"\s+")
    return StepPattern(phrase, meaning, re.compile(rf"(?<![\w.]){regex}(?![\w])", re.IGNORECASE))


ENGLISH = load_patterns(Path(__file__).parent / "patterns" / "en.txt")
