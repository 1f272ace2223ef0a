"""The rows that `grade` reads: one JSON object a line with a gold answer and the text to be graded."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reward import CONVENTIONS
from rewriter_agent.io.foreign_json import decode_json, is_short
from rewriter_agent.io.given_file import check_file

MODES = ("strict", "lenient")


@dataclass(frozen=True)
class GradeRow:
    """One text to grade; `strict` says whether the convention must be kept to the letter."""

    id: str | int
    gold: str
    text: str
    convention: str
    strict: bool
    question: str
    """Empty if the row has none in words."""


class _Written(str):
    """A JSON number as it was written: one with a decimal point or exponent, or of thousands of digits."""


def _integer(digits: str) -> int | _Written:
    return int(digits) if is_short(digits) else _Written(digits)


def read_rows(path: Path, convention: str, mode: str) -> Iterator[GradeRow]:
    """The rows of a JSON Lines file, one in memory at a time; blank lines are no rows.

    `convention` and `mode` hold for rows that do not name their own. A gold given as a JSON number is taken
    as it is written; keys other than id, gold, text, question, convention and mode are ignored.

    Raises:
        ValueError: there is no such file, or a row cannot be used; names file, line and field.
    """
    check_file(path, "grade", "give the path of a .jsonl file")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield _parse(line, convention, mode)
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error


def _parse(line: bytes, convention: str, mode: str) -> GradeRow:
    values = decode_json(line, parse_float=_Written, parse_int=_integer)
    if not isinstance(values, dict):
        raise ValueError(f"the row is a {type(values).__name__}, not an object with id, gold and text")
    return GradeRow(
        id=_id(values),
        gold=_gold(values),
        text=_text(values, "text"),
        convention=_one_of(values, "convention", CONVENTIONS, convention),
        strict=_one_of(values, "mode", MODES, mode) == "strict",
        question=question if isinstance(question := values.get("question"), str) else "",
    )


def _value(values: dict[str, Any], field: str) -> Any:
    if field not in values:
        raise ValueError(f"field {field!r} is missing; each row needs id, gold and text")
    return values[field]


def _id(values: dict[str, Any]) -> str | int:
    value = _value(values, "id")
    if type(value) not in (str, int):
        raise ValueError(f"field 'id' holds {_shown(value)}; it must be text or a whole number")
    return value


def _gold(values: dict[str, Any]) -> str:
    value = _value(values, "gold")
    if type(value) not in (str, int, _Written):
        raise ValueError(
            f"field 'gold' holds {_shown(value)}; it must be text or a number (write JSON answers as text)"
        )
    return str(value)


def _text(values: dict[str, Any], field: str) -> str:
    value = _value(values, field)
    if type(value) is not str:
        raise ValueError(f"field {field!r} holds {_shown(value)}; it must be text")
    return value


def _one_of(values: dict[str, Any], field: str, allowed: tuple[str, ...], default: str) -> str:
    value = values.get(field)
    if value is None:
        return default
    if value not in allowed:
        raise ValueError(f"field {field!r} holds {_shown(value)}; allowed: {', '.join(allowed)}")
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, _Written) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
