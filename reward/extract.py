"""Finds the final answer that a text states under a dataset's convention."""

import re

CONVENTIONS = ("####", "boxed", "plain", "choice")

_HASH_LINE = re.compile(r"^####(?!#)(.*)$", re.MULTILINE)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_STATEMENT = re.compile(
    r"(?:(?:so|thus|therefore|hence|finally),?\s+)?"
    r"(?:the\s+)?(?:final\s+|correct\s+)?answer(?:\s+is\s*:?|\s*:)\s*(?P<answer>\S.*)",
    re.IGNORECASE,
)
_STATEMENT_ANYWHERE = re.compile(r"answer(?:\s+is\s*:?|\s*:)\s*(?P<answer>\S[^\n]*)", re.IGNORECASE)
_CHOICE = re.compile(r"\(?(?P<upper>[A-J])\)?|\((?P<lower>[a-j])\)")
_CHOICE_ANYWHERE = re.compile(r"\(([A-J])\)|\b([A-J])\b")
_NUMBER = re.compile(r"[+-]?\$?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?:/[0-9]+)?|\.[0-9]+)")
_LATEX_NAME = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox)\s*\{[^{}]*\}|\\[A-Za-z]+")
_DELIMITERS = (("**", "**"), ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))


def extract_answer(text: str, convention: str, *, strict: bool = True) -> str | None:
    """The final answer that `text` states, or None where it states none.

    `####`: the last line that begins with the marker, holding nothing but the answer. `boxed`: the last
    `\\boxed{}` or `\\fbox{}`, braces walked. `plain`: the last line is "The answer is X" or a bare number
    or formula. `choice`: the last line is a choice letter, alone or as "The answer is (X)".
    With `strict=False` a text that breaks the convention still yields its last box, statement or number;
    such an answer is for reports only, since a policy paid for it learns to drop its reasoning.

    Raises:
        ValueError: `convention` is unknown.
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            f"answer convention {convention!r} is unknown; allowed: {', '.join(CONVENTIONS)}. "
            "Set `convention` to the one that the dataset's solutions end with."
        )
    if convention == "####":
        answer = _hash_answer(text)
    elif convention == "boxed":
        answer = _boxed_answer(text)
    elif convention == "plain":
        answer = _plain_answer(text)
    else:
        answer = _choice_answer(text)
    return answer if answer is not None or strict else _lenient_answer(text, convention)


def clean_answer(text: str) -> str:
    """`text` without outer blanks, a closing full stop, and math or bold delimiters around the whole."""
    text = text.strip()
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1].rstrip()
    for opening, closing in _DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        if text.startswith(opening) and text.endswith(closing) and inner and opening not in inner:
            return clean_answer(inner)
    return text


def strip_answer_line(text: str) -> str:
    """`text` without its last line where that line does nothing but state the answer."""
    lines = text.rstrip().split("\n")
    last = lines[-1].strip()
    states_answer = last.startswith("####") or _STATEMENT.fullmatch(last) or _BOX.match(last.lstrip("$ "))
    return "\n".join(lines[:-1]).rstrip() if states_answer else text.rstrip()


def _hash_answer(text: str) -> str | None:
    marked = _HASH_LINE.findall(text)
    return _bare(marked[-1]) if marked else None


def _boxed_answer(text: str) -> str | None:
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    content = _until_closing_brace(text, boxes[-1].end())
    return (clean_answer(content) or None) if content is not None else None


def _until_closing_brace(text: str, start: int) -> str | None:
    depth, position = 1, start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
            continue
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[start:position]
        position += 1
    return None


def _plain_answer(text: str) -> str | None:
    last = _last_line(text)
    statement = _STATEMENT.fullmatch(last)
    if statement:
        return _bare(statement["answer"])
    answer = clean_answer(last)
    is_formula = last.startswith(("$", r"\(", r"\[")) and answer != last.rstrip(". ")
    return _bare(last) if is_formula or _NUMBER.fullmatch(answer) else None


def _choice_answer(text: str) -> str | None:
    last = _last_line(text)
    statement = _STATEMENT.fullmatch(last)
    stated = clean_answer(statement["answer"] if statement else last)
    letter = _CHOICE.fullmatch(stated)
    return (letter["upper"] or letter["lower"]).upper() if letter else None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _bare(text: str) -> str | None:
    """The cleaned answer, or None for prose: words beside a number ("18 dollars") are more than an answer."""
    answer = clean_answer(text)
    outside_latex = _LATEX_NAME.sub(" ", answer)
    is_prose = re.search(r"[A-Za-z]{2,}", outside_latex) and re.search(r"[0-9]", outside_latex)
    return None if not answer or is_prose else answer


def _lenient_answer(text: str, convention: str) -> str | None:
    if convention == "choice":
        letters = _CHOICE_ANYWHERE.findall(text)
        return "".join(letters[-1]) if letters else None
    statements = _STATEMENT_ANYWHERE.findall(text)
    stated = _boxed_answer(text) or _hash_answer(text) or (_bare(statements[-1]) if statements else None)
    numbers = _NUMBER.findall(text)
    return stated or (numbers[-1] if numbers else None)
