"""Reads one line of a JSON Lines file, which anybody may have written."""

import json
import sys
from collections.abc import Callable
from typing import Any


def decode_json(
    line: bytes,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
) -> Any:
    """Value of a line; the two functions make the numbers.

    Raises:
        ValueError: it is not UTF-8 or not JSON, is nested too deep, or holds an integer of too many digits.
    """
    try:
        return json.loads(
            line.decode("utf-8-sig"), parse_float=parse_float, parse_int=parse_int or _short_integer
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"the line is not UTF-8 ({error.reason} at byte {error.start})") from error
    except RecursionError as error:
        raise ValueError("the line is nested too deep to be read as JSON") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"the line is not JSON ({error})") from error


def is_short(digits: str) -> bool:
    """Whether Python reads an integer of so many digits; reading takes time that grows with their square."""
    limit = sys.get_int_max_str_digits()
    return not limit or len(digits) <= limit


def _short_integer(digits: str) -> int:
    if not is_short(digits):
        raise ValueError(
            f"the line holds an integer of {len(digits)} digits, and at most {sys.get_int_max_str_digits()} are read; "
            "write it as text"
        )
    return int(digits)
