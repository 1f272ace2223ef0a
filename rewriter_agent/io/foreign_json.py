"""Reading of untrusted JSON."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .given_file import check_file


def decode_json(
    text: bytes,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
    what: str = "the line",
) -> Any:
    """Value of a JSON text, `what` in messages; the two functions make the numbers.

    Raises:
        ValueError: it is not UTF-8 or not JSON, is nested too deep, or holds an integer of too many digits.
    """
    try:
        return json.loads(
            text.decode("utf-8-sig"), parse_float=parse_float, parse_int=parse_int or _short_integer
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not UTF-8 ({error.reason} at byte {error.start})") from error
    except RecursionError as error:
        raise ValueError(f"{what} is nested too deep to be read as JSON") from error
    except json.JSONDecodeError as error:
        # Of a single line, its number within the text says nothing.
        place = (
            f"character {error.pos + 1}"
            if what == "the line"
            else f"line {error.lineno}, column {error.colno}"
        )
        hint = "; each line must hold one object" if what == "the line" else ""
        raise ValueError(f"{what} is not JSON ({error.msg} at {place}{hint})") from error
    except _TooManyDigits as error:
        raise ValueError(f"{what} {error}") from error


def read_object(path: Path, key: str, change: str) -> dict[str, Any]:
    """Object that a JSON file holds.

    Args:
        key: Config key or option that names the file, for messages.
        change: Advice if there is no such file.

    Raises:
        ValueError: there is no such file, it is of another kind, or it holds no JSON object.
    """
    check_file(path, key, change)
    value = decode_json(path.read_bytes(), what=f"{key}: '{path}'")
    if not isinstance(value, dict):
        raise ValueError(f"{key}: '{path}' holds a {type(value).__name__}, not an object")
    return value


def is_short(digits: str) -> bool:
    """Tell whether Python reads an integer of so many digits; the time grows with their square."""
    limit = sys.get_int_max_str_digits()
    return not limit or len(digits) <= limit


class _TooManyDigits(ValueError):
    pass


def _short_integer(digits: str) -> int:
    if not is_short(digits):
        limit = sys.get_int_max_str_digits()
        raise _TooManyDigits(f"holds an integer of {len(digits)} digits; write more than {limit} as text")
    return int(digits)
