"""Splits a normalised text at separators outside all brackets."""

import re

from .numbers import INDIAN_GROUPS

WORD_END = "(?![A-Za-z])"
_BRACKETS = rf"\\\\|\\begin{WORD_END}|\\end{WORD_END}|\\[lr]angle{WORD_END}|\\[{{}}]|[()\[\]{{}}]"
_OPENING = frozenset(("\\begin", "\\langle", "\\{", "(", "[", "{"))
_CLOSING = frozenset(("\\end", "\\rangle", "\\}", ")", "]", "}"))
_NUMBER_GROUPS = rf"(?<![\d.,])(?:\d{{1,3}}(?:,\d{{3}})+(?!,?\d)|{INDIAN_GROUPS})"
RELATIONS = (
    r"\\(?:leq|geq|neq|in|notin|approx|equiv|sim|simeq|cong|to|rightarrow|Rightarrow|implies|propto|subset|subseteq|mod)"
    rf"{WORD_END}|[<>=]"
)


def split(text: str, separators: str, *, keep_groups: bool = True) -> tuple[list[str], list[str]] | None:
    """Split `text` at `separators` (a regex) outside all brackets; returns the parts and the separators.

    With `keep_groups` a comma within a number ("1,234") separates nothing. None if brackets do not match.
    """
    pattern = (
        rf"{_NUMBER_GROUPS}|({separators})|{_BRACKETS}" if keep_groups else rf"({separators})|{_BRACKETS}"
    )
    parts, separators_found, depth, start = [], [], 0, 0
    for match in re.finditer(pattern, text):
        depth += (match[0] in _OPENING) - (match[0] in _CLOSING)
        if depth < 0:
            return None
        if match[1] is not None and depth == 0:
            parts.append(text[start : match.start()].strip())
            separators_found.append(match[1])
            start = match.end()
    return ([*parts, text[start:].strip()], separators_found) if depth == 0 else None
