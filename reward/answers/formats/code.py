"""Finds Python answers in a text; `reward.programs` runs them."""

import re

# Possessive, because a line of a megabyte may almost match a fence in many ways.
_FENCE = re.compile(r"(?P<indent> *+)(?P<ticks>`{3,}+)[ \t]*+(?P<info>[^`\s]*+)[^`]*+")
_LANGUAGES = ("", "python", "py", "python3")


def extract(text: str, strict: bool) -> str | None:
    """Extract the last fenced block marked python, py or unmarked, in time linear in the length of the text.

    If `strict`, an unclosed last block is no answer. Otherwise it runs to the end of the text, and a text without a
    block is code as a whole. None if there is no code.
    """
    code: str | None = None
    opening: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        fence = _FENCE.fullmatch(line.rstrip())
        if opening is None and fence:
            opening, lines = fence, []
        elif (
            opening is not None
            and fence
            and not fence["info"]
            and len(fence["ticks"]) >= len(opening["ticks"])
        ):
            code = _block(opening, lines) or code
            opening = None
        else:
            lines.append(line)
    if opening is not None and _is_python(opening):
        return None if strict else _code("".join(lines))
    return code if strict or code else _code(text)


def _is_python(opening: re.Match[str]) -> bool:
    return opening["info"].lower() in _LANGUAGES


def _block(opening: re.Match[str], lines: list[str]) -> str | None:
    if not _is_python(opening):
        return None
    width = len(opening["indent"])
    return _code("".join(line[min(width, len(line) - len(line.lstrip(" "))) :] for line in lines))


def _code(text: str) -> str | None:
    return text.strip("\r\n").rstrip() if text.strip() else None
