"""Recognises names of unknowns and quantities, as answers put them before an equals sign."""

import re

from .tokens import APPLICATION

_NAME = re.compile(
    r"(?:\\frac ?\{ ?(?:d|\\partial) ?[A-Za-z]? ?\}\{ ?(?:d|\\partial) ?[a-z] ?\}|"
    r"(?:\\(?:angle|vec|overline) ?)?(?:\{ ?(?:[A-Z]{1,3}|[a-z]) ?\}|[A-Z]{2,3}|[A-Za-z]"
    r"|\\[A-Za-z]{2,10}))(?: ?_ ?(?:\w|\{[^{}]{1,20}\}))?'{0,3}(?: ?\^ ?\{ ?-1 ?\})?(?: ?\( ?\w{1,5}(?:, ?\w)? ?\))?"
)
_QUANTITY = re.compile(
    r"\|[A-Z]{2}\||(?:\\mathbb ?\{ ?[PE] ?\}|\\Pr|[PE]|Pr) ?(?:\([^()]{1,40}\)|\[[^\[\]]{1,40}\])"
    r"|m? ?(?:\\angle|\\triangle) ?[A-Z]{1,3}|\\vec ?\{? ?[A-Za-z]{1,2} ?\}? ?\* ?\\vec ?\{? ?[A-Za-z]{1,2} ?\}?"
    r"|\\(?:det|dim) ?\(? ?[A-Z] ?\)?"
    # As the base of logarithms e is no name; as the eccentricity it is.
    r"|e"
    # The modulus of x or y is more likely an equation for it.
    r"|\|(?: ?[+-]? ?\d?(?:\\vec ?\{? ?[A-Za-z]{1,2} ?\}?|\\overline ?\{ ?[A-Z]{2} ?\}"
    r"|[a-cu-wzA-Z](?:_\{?\d\}?)?)){1,4} ?\|"
    r"|\\(?:sin|cos|tan|cot|sec|csc) ?(?:\^ ?\{? ?2 ?\}? ?)?"
    r"\(? ?(?:\d ?)?(?:\\angle ?)?(?:[A-Z]{1,3}|[a-z]|\\[a-z]{2,7}) ?\)?"
)
_QUOTIENT = re.compile(
    r"\\frac ?\{([^{}]{1,30}(?:\{[^{}]{1,10}\})?)\} ?\{([^{}]{1,30}(?:\{[^{}]{1,10}\})?)\}"
)
# Sums of coordinates are left out: x + y = 5 is a line.
_SUM = re.compile(r"[a-wA-Z](?: ?\+ ?[a-wA-Z]){1,9}")
_BOTH = re.compile(r"_1,2$")
_LETTER = re.compile(r"(?<![\\A-Za-z])(?!pi(?![A-Za-z]))[A-Za-z]")
_WORD_NAME = re.compile(r"(?:[A-Za-z]{2,15} ){0,3}[A-Za-z]{3,15}")
_NO_NAMES = frozenset(("e", "i", r"\pi", r"\infty", r"\emptyset", r"\frac", r"\sqrt"))


def name_of(text: str) -> str | None:
    """Unknown that `text` names: a letter with subscript or argument (`x_{1}`, `f(x)`), or words."""
    text = text.replace(APPLICATION, "")
    if text in _NO_NAMES:
        return None
    if _NAME.fullmatch(text):
        # Solutions x_{1,2} are solutions for x.
        return _BOTH.sub("", re.sub(r"[ {}]", "", text))
    return text.casefold() if _WORD_NAME.fullmatch(text) else None


def quantity_of(text: str) -> str | None:
    """Quantity other than an unknown that `text` names: |AB|, tan A, AB:CD, or a sum of different letters."""
    text = text.replace(APPLICATION, "")
    if _QUANTITY.fullmatch(text) or _is_ratio(text):
        # The brackets in sin(A) have no meaning.
        return re.sub(r"[ {}()]" if text[0] == "\\" else r"[ {}]", "", text)
    if not _SUM.fullmatch(text):
        return None
    letters = sorted(letter.strip() for letter in text.split("+"))
    return "+".join(letters) if len(set(letters)) == len(letters) and not {"e", "i"} & set(letters) else None


def _is_ratio(text: str) -> bool:
    """Whether `text` is a ratio or quotient of two or more different names."""
    quotient = _QUOTIENT.fullmatch(text)
    parts = [quotient[1], quotient[2]] if quotient else re.split("[:/]", text, maxsplit=4)
    names = [_NAME.fullmatch(part.strip()) and name_of(part.strip()) for part in parts]
    return 1 < len(parts) < 5 and all(names) and len(set(names)) == len(names)


def has_unknowns(text: str) -> bool:
    """Whether `text` holds single letters, as unknowns are."""
    return _LETTER.search(text) is not None


def mentions(text: str, name: str) -> bool:
    """Whether the unknown `name` occurs in `text`."""
    text, letter = text.replace(APPLICATION, ""), re.escape(name)
    return re.search(rf"(?<![\\A-Za-z]){letter}(?![A-Za-z_])|(?<![A-Za-z\\]){letter}", text) is not None
