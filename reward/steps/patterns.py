"""Patterns of arithmetic in words, read from files that users can extend."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ARROW = "=>"
"""What stands between a pattern's phrase and its meaning."""
_EXAMPLE = "{a} plus {b} (is|equals) {c} => a + b = c"
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
    return parse_patterns(path.read_text(encoding="utf-8").splitlines(), str(path))


def parse_patterns(lines: Iterable[str], source: str) -> list[StepPattern]:
    """Read patterns as `load_patterns` does; messages name `source`."""
    return [
        _read(line, f"{source}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def pattern_lines(given: str) -> list[str]:
    """Return the pattern that `given` is, or the patterns in the file whose path it is, as lines.

    Raises:
        ValueError: a line is no pattern, or there is no such file.
    """
    if ARROW in given:
        patterns = parse_patterns([given], "pattern")
    elif Path(given).is_file():
        patterns = load_patterns(Path(given))
    else:
        raise ValueError(
            f"{given!r} is neither a pattern nor a file of patterns. Write: {_EXAMPLE}, or give the path of a file "
            "with one such line for each pattern"
        )
    return [f"{pattern.phrase} {ARROW} {pattern.meaning}" for pattern in patterns]


def _read(line: str, where: str) -> StepPattern:
    phrase, arrow, meaning = (part.strip() for part in line.partition(ARROW))
    if not (phrase and arrow and meaning):
        raise ValueError(f"{where}: {line!r} is no pattern. Write: {_EXAMPLE}")
    regex = re.escape(phrase)
    for mark in "(|)":
        regex = regex.replace("\\" + mark, mark)
    regex = _PLACEHOLDER.sub(lambda name: f"(?P<{name[1]}>{_NUMBER})", regex).replace(r"\ ", r"\s+")
    return StepPattern(phrase, meaning, re.compile(rf"(?<![\w.]){regex}(?![\w])", re.IGNORECASE))


ENGLISH = load_patterns(Path(__file__).parent / "patterns" / "en.txt")
