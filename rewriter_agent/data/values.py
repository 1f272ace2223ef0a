"""Values of a raw row, by column."""

import math
import re
from collections.abc import Iterable
from decimal import Decimal

import pyarrow as pa

from rewriter_agent.io.foreign_json import decode_json
from rewriter_agent.user_errors import quoted

UNREADABLE = (ValueError, OverflowError, KeyError, NotImplementedError)
"""Errors of Arrow values that Python cannot hold: text that is not UTF-8, a year after 9999, an unknown time zone."""
SURROGATE = re.compile("[\ud800-\udfff]")
SHOWN_COLUMNS, SHOWN_CHARS = 20, 40
"""Maximum column names in a message, and characters of each."""


class BadRow(ValueError):
    """The row cannot be used; the message names the column and the reason."""


def decode_row(row: object) -> dict[str, object]:
    """Columns of a row in the form that `read` gives; raises BadRow if it has none."""
    values = _decode(row)
    if not isinstance(values, dict):
        raise BadRow(f"the row is a {type(values).__name__}, not an object with columns")
    return values


def _decode(row: object) -> object:
    if isinstance(row, BadRow):
        raise row
    if isinstance(row, bytes):
        try:
            return decode_json(row)
        except ValueError as error:
            raise BadRow(str(error)) from error
    if isinstance(row, pa.RecordBatch):
        return {name: _only_value(row, name) for name in row.schema.names}
    return row


def _only_value(row: pa.RecordBatch, column: str) -> object:
    try:
        return row[column][0].as_py()
    except UNREADABLE as error:
        raise BadRow(f"column {column!r} cannot be read ({quoted(error)})") from error


def value_of(values: dict[str, object], column: str) -> object:
    """A column, or with a name such as `a.b` the value `b` in the column `a`; raises BadRow if it is missing."""
    inner, name = values, column
    while name not in inner:
        first, _, rest = name.partition(".")
        found = inner.get(first)
        if not rest or not isinstance(found, dict):
            raise BadRow(f"column {column!r} is missing (the row has {column_names(inner)})")
        inner, name = found, rest
    return inner[name]


def column_names(names: Iterable[str]) -> str:
    """List for a message, which names as many as a reader takes in."""
    shown = [repr(name if len(name) <= SHOWN_CHARS else f"{name[:SHOWN_CHARS]}...") for name in names]
    more = f" and {len(shown) - SHOWN_COLUMNS} more" if len(shown) > SHOWN_COLUMNS else ""
    return ", ".join(shown[:SHOWN_COLUMNS]) + more


def text(values: dict[str, object], column: str) -> str:
    """A column that must hold text, without the space around it; raises BadRow."""
    return text_as_it_is(values, column).strip()


def text_as_it_is(values: dict[str, object], column: str) -> str:
    """A column that must hold text, with the space around it; raises BadRow."""
    value = value_of(values, column)
    if not isinstance(value, str):
        raise BadRow(f"column {column!r} holds a {type(value).__name__}, not text")
    if not value.strip():
        raise BadRow(f"column {column!r} is empty")
    # JSON may escape half a surrogate pair, which no tokenizer and no file format can encode.
    if SURROGATE.search(value):
        raise BadRow(f"column {column!r} holds an unpaired surrogate, which is not valid Unicode")
    return value


def answer_text(values: dict[str, object], column: str) -> str:
    """A column that may hold a number too; raises BadRow."""
    value = value_of(values, column)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise BadRow(f"column {column!r} holds {value}, not a finite number")
        return str(value)
    return text(values, column)
