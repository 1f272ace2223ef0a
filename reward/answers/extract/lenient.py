"""Guesses the answer of a text that marks none: its last number, or the whole formula around that number."""

import re
from collections import deque

from reward.answers.compare.rational import TooLarge
from reward.answers.math.atoms import Quantity, read_atom
from reward.answers.math.normalise import normalise
from reward.answers.math.tree import symbols

from .boxes import join_of
from .clean import clean_answer

NUMBER = re.compile(
    r"(?:(?<![\w)\]}.])[-+−]\s?)?(?:(?:\\?\$|[€£¥])\s?)?(?:(?<![\w)\]}.])[-+−])?"
    r"(?:\\[dt]?frac\s?\{\s?-?[0-9]+\s?\}\s?\{\s?[0-9]+\s?\}"
    r"|(?:(?<![\w.])[0-9]+\s?)?[¼-¾⅐-⅞]"
    r"|(?<![A-Za-z_\d.])(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]{1,3}(?: [0-9]{3})+(?![0-9])|[0-9]+)"
    r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+(?![\w.]))?"
    r"(?:\s[0-9]+(?=/[0-9]))?(?:(?<=[0-9])/[0-9]+)?|(?<![\d.])\.[0-9]+)(?:\s?\\?%)?"
)
"""Pattern of a number in prose, with its sign, currency and percent sign."""
_DELIMITER = re.compile(r"\\.|\$\$|\$", re.DOTALL)
_CLOSING = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
MAX_REACH = 300
"""Distance in characters within which the formula around a number is searched."""
# A bracket may hold blanks, as in (1, 2), but no words.
_WORD = re.compile(r"(?:[(\[{](?:[^()\[\]{}A-Za-z]|(?<![A-Za-z])[A-Za-z](?![A-Za-z]))*[)\]}]|\S)+")
_OPERATOR = re.compile(r"(?:[-+−–*/^×·⋅÷:<>≤≥≠≈]|\\[A-Za-z]+)+")
_OPERAND = re.compile(r"(?:.*[\d)\]}\\√π].*|[A-Za-z])[,.;]?", re.DOTALL)
_INTRODUCTION = re.compile(
    r"(?:is|are|was|equals|be|get|gets|obtain|gives|so|hence|thus|therefore|then|.*[=:：])[,:]?"
    r"|[-*•]|\d+[.)]",
    re.IGNORECASE | re.DOTALL,
)
_OUTER = " \t*_`\"'“”‘’.,;:!?"
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_DIGIT = re.compile(r"[0-9]")
_MATHS = re.compile(r"\$[^$]*\$|\\\(.*?\\\)|\\[A-Za-z]+")
_PROSE_WORD = re.compile(r"[A-Za-z]{2,}")
_VERB = re.compile(r"\s(?:is|are|equals)\s")
_MIN_PROSE_WORDS = 4
_TAG = re.compile(r"</?[A-Za-z|][^<>\s]{0,30}>")


def last_value(text: str) -> str | None:
    """Last number or formula in `text`; None if there is none, or if it is only a piece of something else.

    A number in a formula between math delimiters yields the whole formula, with the formulas joined to it by "and",
    "or" or a comma. Outside math an operator, a bracket, a colon or letters may tie the number to more text. It then
    yields the whole expression, if that follows "is", "=" or the like. A formula without digits counts only if the text
    holds no digits.
    """
    last = deque(NUMBER.finditer(text), maxlen=1)
    start, end = last[0].span() if last else (-1, -1)
    formulas = _formulas(text)
    telling = [span for span in formulas if _DIGIT.search(text, *span)] or ([] if last else formulas)
    if telling and telling[-1][1] > start:
        return clean_answer(_joined(text, formulas[: formulas.index(telling[-1]) + 1])) or None
    return _outside_math(text, start, end) if last else None


def _joined(text: str, formulas: list[tuple[int, int]]) -> str:
    """Last formula, with the bare values before it that a comma or word joins to it."""
    first = last = len(formulas) - 1
    while first and join_of(text[formulas[first - 1][1] : formulas[first][0]]):
        first -= 1
    pieces = [text[slice(*span)] for span in formulas[first:]]
    is_list = first < last and not any("=" in piece for piece in pieces)
    return text[formulas[first][0] : formulas[last][1]] if is_list else pieces[-1]


def value_of_sentence(sentence: str) -> str:
    """Last value in a sentence of prose, "The area of the triangle is 84"; other text is returned unchanged."""
    words = _PROSE_WORD.findall(_MATHS.sub(" ", sentence))
    is_prose = len(words) >= _MIN_PROSE_WORDS or _VERB.search(sentence) is not None
    return (last_value(sentence) or sentence) if is_prose and not sentence[:1].isdigit() else sentence


def is_quantity(line: str) -> bool:
    """Whether a line is only a number or a quantity, possibly one that has to be computed."""
    if len(line) > 200:
        return False
    text = normalise(line)
    try:
        atom = read_atom(text) if text else None
    except TooLarge:
        return True
    return isinstance(atom, Quantity) and not symbols(atom.value) and any(map(str.isdigit, text))


def _formulas(text: str) -> list[tuple[int, int]]:
    """Spans of the formulas between math delimiters; a dollar sign of money is no delimiter."""
    spans: list[tuple[int, int]] = []
    opening: re.Match[str] | None = None
    for delimiter in _DELIMITER.finditer(text):
        if opening is not None and _closes(text, opening, delimiter):
            spans.append((opening.start(), delimiter.end()))
            opening = None
        elif delimiter[0] in _CLOSING and (opening is None or opening[0] == "$"):
            opening = delimiter
    return spans


def _closes(text: str, opening: re.Match[str], delimiter: re.Match[str]) -> bool:
    start, end = opening.end(), delimiter.start()
    if delimiter[0] != _CLOSING[opening[0]] or start == end:
        return False
    # As in Markdown, blanks inside the signs or a digit after them make it money.
    # A command makes it a formula all the same.
    if "\\" in text[start:end]:
        return "\n" not in text[start:end]
    is_money = text[start].isspace() or text[end - 1].isspace() or text[end + 1 : end + 2].isdigit()
    return delimiter[0] != "$" or not (is_money or "\n" in text[start:end])


def _outside_math(text: str, start: int, end: int) -> str | None:
    line_start = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    window = max(line_start, start - MAX_REACH)
    number = text[start:end].strip()
    reach = re.compile(r"[^\n\r]*").match(text, end, end + MAX_REACH)
    assert reach is not None
    words = list(_WORD.finditer(text, window, reach.end()))
    first = next(index for index, word in enumerate(words) if word.end() > start)
    last = max(index for index, word in enumerate(words) if word.start() < end)
    first, last = _expression(words, first, last)
    run = text[words[first].start() : words[last].end()]
    if "=" in run:
        # The text before it is the left side of an equation, or an earlier step.
        head, _, run = run.rpartition("=")
        is_introduced = bool(head) or first > 0
    else:
        before = words[first - 1][0] if first else ""
        is_introduced = bool(_INTRODUCTION.fullmatch(before)) if before else window == line_start
    bare = _bare(run)
    if bare == _bare(number):
        return number
    if _is_measured(bare):
        return bare
    return (clean_answer(run) or None) if is_introduced and run.strip() else None


def _expression(words: list[re.Match[str]], first: int, last: int) -> tuple[int, int]:
    """Extend the range of words from `first` to `last` by words that operators between blanks tie to it."""
    # A sign after an operand is the operator: "10 - 5".
    if _ties(words, first, first - 1):
        first -= 1
    while _ties(words, first - 1, first - 2):
        first -= 2
    while _ties(words, last + 1, last + 2):
        last += 2
    return first, last


def _ties(words: list[re.Match[str]], operator: int, operand: int) -> bool:
    if min(operator, operand) < 0 or max(operator, operand) >= len(words):
        return False
    return bool(_OPERATOR.fullmatch(words[operator][0]) and _OPERAND.fullmatch(words[operand][0]))


def _bare(run: str) -> str:
    """Strip punctuation, quotes, tags and brackets around the whole of `run`, and empty brackets."""
    before = None
    while run != before:
        before, run = run, _TAG.sub("", run.strip(_OUTER))
        if run[:1] in _BRACKETS and (run[-1] == _BRACKETS[run[0]] or _BRACKETS[run[0]] not in run):
            run = run[1:].removesuffix(_BRACKETS[run[0]])
        elif run[-1:] in _BRACKETS.values() and not any(opening in run for opening in _BRACKETS):
            run = run[:-1]
    return run


def _is_measured(text: str) -> bool:
    """Whether `text` is a number with a unit that touches it."""
    atom = read_atom(normalise(text)) if 0 < len(text) <= 40 and not set(text) & set("+*/^=<>([{\\") else None
    return isinstance(atom, Quantity) and atom.unit is not None and not symbols(atom.value)
