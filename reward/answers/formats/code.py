"""Python answers, found in a text; `reward.programs` runs them."""

import re

# Possessive, as a line of a megabyte may come close to a fence in many ways.
_FENCE = re.compile(r"(?P<indent> *+)(?P<ticks>`{3,}+)[ \t]*+(?P<info>[^`\s]*+)[^`]*+")
_LANGUAGES = ("", "python", "py", "python3")


def extract(text: str, strict: bool) -> str | None:
    """The last fenced block marked python, py or unmarked; linear in the length of the text.

    A last such block that is not closed is no answer if `strict`; else it runs to the end of the text, and a
    text without a block is code as a whole. None where there is no code.
    """
    found: str | None = None
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
            found = _block(opening, lines) or found
            opening = None
        else:
            lines.append(line)
    if opening is not None and _is_python(opening):
        return None if strict else _code("".join(lines))
    return found if strict or found else _code(text)


def _is_python(opening: re.Match[str]) -> bool:
    return opening["info"].lower() in _LANGUAGES


def _block(opening: re.Match[str], lines: list[str]) -> str | None:
    if not _is_python(opening):
        return None
    width = len(opening["indent"])
    return _code("".join(line[min(width, len(line) - len(line.lstrip(" "))) :] for line in lines))


def _code(text: str) -> str | None:
    return text.strip("\r\n").rstrip() if text.strip() else None
