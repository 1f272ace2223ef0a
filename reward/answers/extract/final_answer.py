"""Finds the final answer that a text states under a dataset's convention, in time linear in its length."""

import re
from collections import deque
from collections.abc import Callable

from .boxes import has_box, last_box
from .clean import MAX_PEELED_CHARS, clean_answer, without_end_tokens
from .lenient import is_quantity, last_value, value_of_sentence

__all__ = ["clean_answer", "extract_marked", "statement_of", "strip_answer_line"]

ADVERB = "(?-i:therefore|thus|hence|then|simply|exactly|just|indeed|clearly|obviously|precisely)"
"""Pattern of adverbs between "is" and the answer; capitalised ones would be part of the answer."""
_HASHES = re.compile(r"(?<!#)####(?!#)")
_BOLD = "[*_ \t]{0,6}"
_STATEMENT = re.compile(
    rf"(?<![A-Za-z])answer{_BOLD}(?:is(?![A-Za-z])(?:{_BOLD}[:=：])?|[:=：])", re.IGNORECASE
)
_FINAL = re.compile(r"(?<![A-Za-z])final answer is(?![A-Za-z])[ :]*(?=\S)", re.IGNORECASE)
_INTRODUCTION = re.compile(
    r"[*_# \t]*(?:(?:and|so|thus|therefore|hence|finally|in conclusion),?\s+)?(?:the\s+|my\s+|our\s+)?"
    r"(?:final\s+|correct\s+)?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<!\.)\.(?=[*_]*(?:\s|$))")
_CLAUSE = re.compile(
    r",\s+(?:because|since|which|so|as|where)(?![A-Za-z])|\s(?:because|since)(?![A-Za-z])", re.IGNORECASE
)
_LEADING = re.compile(rf"(?:[ :=：]|{ADVERB}[,:]?\s+(?=\S))*")
_MATH_LINE = re.compile(r"(?:\$\$?|\\\(|\\\[|\\boxed|\\fbox)")
_DISPLAY = re.compile(r"\s*(?:(?:\*\*|__)\s*)?(?P<opening>\$\$|\\\[|```[a-z]*[ \t]*[\r\n])")
_DISPLAY_END = {"$": "$$", "\\": r"\]", "`": "```"}
_NAME_SIDE = re.compile(r"[A-Za-z]+")


def extract_marked(text: str, convention: str, *, strict: bool = True) -> str | None:
    """Extract the final answer that `text` states under a convention for marked answers; None if it states none.

    - `boxed`: the content of the last outermost `\\boxed{}` or `\\fbox{}`.
    - `####`: the rest of the line after the last `####`.
    - `answer_is`: the text after the last "answer is" or "answer:", to the end of its sentence.
    - `plain`: a last line that is such a statement, or only a number, a quantity or a formula in math delimiters.

    With `strict=False` a text that breaks its convention still yields its last box, `####`, statement or number. Use
    such an answer for reports only: a policy rewarded for it learns to drop its reasoning.

    Raises:
        ValueError: `convention` is none of these.
    """
    if convention not in _FORMS:
        raise ValueError(f"answer convention {convention!r} marks no answer; allowed: {', '.join(_FORMS)}")
    find, rendered = _FORMS[convention]
    text = without_end_tokens(text)
    answer = find(text)
    if strict:
        return answer
    if answer is not None and not (convention == "boxed" and _is_restated(text)):
        return answer
    guesses = (last_box, _hashed, _stated_value, last_value)
    for guess in guesses if answer is None else guesses[2:]:
        answer = guess(text)
        # An answer that the convention could not state (an unmatched brace in a box) is no answer under it.
        if answer is not None and find(rendered.format(answer)) == answer:
            return answer
    return None


def _is_restated(text: str) -> bool:
    """Whether "the final answer is" comes after the last box."""
    last = _last(_FINAL, text)
    return last is not None and not has_box(text[last.start() :])


def strip_answer_line(text: str) -> str:
    """Drop the last line of `text` if it only states the answer."""
    lines = text.rstrip().split("\n")
    last = lines[-1].strip()
    bare = last.lstrip("*_$ ")
    states_answer = last.startswith("####") or bare.startswith(("\\boxed", "\\fbox")) or _is_statement(last)
    return "\n".join(lines[:-1]).rstrip() if states_answer else text.rstrip()


def statement_of(text: str) -> str | None:
    """Text after the last "answer is" or "answer:", up to the end of its line, with blanks stripped.

    A display formula or a fenced block of several lines that follows is taken whole, as one line.
    """
    last = _last(_STATEMENT, text)
    if last is None:
        return None
    rest = text[last.end() :]
    display = _display(rest)
    if display is not None:
        return display
    following = rest.lstrip("*_ \t")
    # "The answer is:" may be on the line above the answer.
    if following[:1] in ("\r", "\n") and following.strip():
        rest = following.lstrip()
    return _unbalanced_bold(rest.splitlines()[0].strip()) if rest.strip() else None


def _display(text: str) -> str | None:
    """Formula in the display or fence of several lines at the beginning of `text`."""
    opening = _DISPLAY.match(text)
    if opening is None:
        return None
    end = text.find(_DISPLAY_END[opening["opening"][0]], opening.end())
    lines = text[opening.end() : end].split("\n") if end >= 0 else []
    return " ".join(" ".join(lines).split()) or None if len(lines) > 1 else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    matches = deque(pattern.finditer(text), maxlen=1)
    return matches[0] if matches else None


def _is_statement(line: str) -> bool:
    introduction = _INTRODUCTION.match(line)
    assert introduction is not None
    return _STATEMENT.match(line, introduction.end()) is not None


def _hashed(text: str) -> str | None:
    last = _last(_HASHES, text)
    if last is None:
        return None
    line = re.match(r"[^\r\n]*", text[last.end() :])
    assert line is not None
    rest = _unbalanced_bold(line[0])
    if has_box(rest):
        return last_box(rest)
    return _sentence(statement_of(rest)) if _is_statement(rest.strip()) else (clean_answer(rest) or None)


def _stated(text: str) -> str | None:
    return _sentence(statement_of(text))


def _stated_value(text: str) -> str | None:
    statement = _stated(text)
    return value_of_sentence(statement) if statement is not None else None


def _sentence(statement: str | None) -> str | None:
    if not statement:
        return None
    if has_box(statement):
        statement = last_box(statement) or ""
    while True:
        end = _SENTENCE_END.search(statement)
        shorter = statement[: end.start()] if end else statement
        clause = _CLAUSE.search(shorter)
        shorter = _unbalanced_bold(shorter[: clause.start()] if clause else shorter)
        shorter = clean_answer(_LEADING.sub("", shorter, count=1))
        if shorter == statement or len(statement) > MAX_PEELED_CHARS:
            return shorter or None
        statement = shorter


def _unbalanced_bold(text: str) -> str:
    if text.count("**") % 2 == 0:
        return text
    if text.startswith("**"):
        return text[2:].strip()
    before, _, after = text.rpartition("**")
    return (before + after).strip()


def _plain(text: str) -> str | None:
    stripped = text.rstrip()
    last = stripped[max(stripped.rfind("\n"), stripped.rfind("\r")) + 1 :].strip()
    if _STATEMENT.search(last):
        return _sentence(statement_of(last))
    if has_box(last):
        return _sentence(last) if _MATH_LINE.match(last) else None
    formula = last.rstrip(". ")
    if formula in ("$$", r"\]", "```"):
        formula = _block(stripped.rstrip(". "))
    answer = clean_answer(formula)
    if is_quantity(answer.lstrip("= ")):
        answer = answer.lstrip("= ")
    is_formula = formula.startswith(("$", r"\(", r"\[")) and answer != formula
    states_answer = (is_formula or is_quantity(answer) or _is_equation(answer)) and _sentence(
        answer
    ) == answer
    return (answer or None) if states_answer else None


def _block(text: str) -> str:
    """Content of the display formula or fence that ends `text`, if it begins its line."""
    is_display = text.endswith("$$")
    opening = text.rfind(r"\[") if text.endswith(r"\]") else text.rfind("$$" if is_display else "```", 0, -2)
    line_start = text.rfind("\n", 0, max(opening, 0)) + 1
    if opening < 0 or text[line_start:opening].strip():
        return ""
    return text[opening:] if is_display or text.endswith(r"\]") else _display(text[opening:]) or ""


def _is_equation(line: str) -> bool:
    """Whether a line consists of steps between equals signs that end in a quantity: "Total = 2 + 3 = 5"."""
    *steps, value = line[:201].split("=")
    is_named = bool(steps) and bool(_NAME_SIDE.fullmatch(steps[0].strip()))
    return len(line) <= 200 and bool(steps) and all(map(is_quantity, [*steps[is_named:], value]))


_FORMS: dict[str, tuple[Callable[[str], str | None], str]] = {
    "boxed": (last_box, "\\boxed{{{}}}"),
    "####": (_hashed, "#### {}"),
    "answer_is": (_stated, "The answer is {}"),
    "plain": (_plain, "The answer is {}"),
}
"""Finder of each convention's answer, and the template that states it."""
