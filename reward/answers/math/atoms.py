"""Reads the atoms of an answer, the parts without structure: a quantity, words, or unknown LaTeX."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from reward.answers.compare.rational import is_simple

from .compound import read_compound
from .expression import FUNCTIONS, NotAlgebra, read_expression
from .numbers import number_prefix, read_number
from .prose import is_prose
from .tree import Call, Expr, Num, Sym, symbols
from .unit_phrases import WORD, unit_of
from .units import PERCENT, Unit, is_known, read_unit, singular

MAX_WORDS_CHARS = 200
"""Longest text without signs of prose that is read as words; a longer one is algebra too long to read."""
_MONEY_PREFIX = re.compile(
    r"([+-]?) ?(?:(?:US|U\.S\.) ?)?([$€£¥₹]) ?([+-]?)|([+-]?)(USD|EUR|GBP|JPY|INR)(?![A-Za-z]) ?"
)
_ORDINAL = re.compile(r"(\d+) ?\^? ?\{? ?(st|nd|rd|th) ?\}?")
_REDUCED = re.compile(r"(\d{1,9}) to (\d{1,9})")
_ARTICLE = re.compile(r"(?:an?|the) (?=\S{2})")
_SYNONYMS = {"dne": "doe not exist"}
_BASED = re.compile(r"\(?(\d[0-9A-Fa-f]*|[A-F][0-9A-F]+)\)?_(?:\{ ?(\d{1,2}) ?\}|(\d{1,2}))")
_HALF_DAY = re.compile(r"(\d{1,2})(?: ?: ?(\d{2}))? ?([ap])\.? ?m\.?", re.IGNORECASE)
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4})")
_TELEPHONE = re.compile(r"(?:\+?\d{1,3}[- .])?(?:\(\d{3}\) ?|\d{3}[- .])?\d{3}-\d{4}")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_GREEK_UNIT = re.compile(r"\\(?:(Omega)(?![A-Za-z])|mu ?(?=[A-Za-z]))")
_OUTER = " \"'.,;:!?"


@dataclass(frozen=True)
class Quantity:
    """Value with or without a unit; `plain` is the text read as algebra, with a unit's letter as a variable."""

    value: Expr
    unit: Unit | None = None
    plain: Expr | None = None


@dataclass(frozen=True)
class Infinite:
    """Infinity of either sign."""

    sign: int


@dataclass(frozen=True)
class Words:
    """Text; `key` is its normalised form, which is compared."""

    key: str


@dataclass(frozen=True)
class Based:
    """Numeral that states its base."""

    digits: str
    base: int


@dataclass(frozen=True)
class Unread:
    """LaTeX that only the parser may understand; `malformed` if not even the parser can."""

    text: str
    malformed: bool = False


Atom = Quantity | Infinite | Words | Based | Unread


def is_balanced(text: str) -> bool:
    """Whether the braces of `text` match, not counting escaped ones."""
    open_braces = 0
    for brace in _BRACE.findall(text):
        open_braces += (brace == "{") - (brace == "}")
        if open_braces < 0:
            return False
    return open_braces == 0


@lru_cache(maxsize=4096)
def read_atom(text: str) -> Atom:
    """Read a normalised text without structure.

    Raises:
        TooLarge: the text is a number of more than 4,000 digits.
    """
    if not is_balanced(text):
        return Unread(text, malformed=True)
    if infinite := re.fullmatch(r"([+-]?) ?(?:\\infty|infinity)", text):
        return Infinite(-1 if infinite[1] else 1) if infinite[1] == "-" else Infinite(1)
    return _special(text) or _measured(text) or _other(text)


def is_clock(text: str) -> bool:
    """Whether `text` can be a time of day on a clock of 24 hours."""
    return _CLOCK.fullmatch(text) is not None


def _special(text: str) -> Atom | None:
    if half_day := _HALF_DAY.fullmatch(text):
        return _time_of_day(int(half_day[1]), half_day[2] or "00", half_day[3].lower())
    if is_clock(text) or _DATE.fullmatch(text) or _TELEPHONE.fullmatch(text):
        return Words(_LEADING_ZEROS.sub("", text))
    if based := _BASED.fullmatch(text):
        return Based(based[1].upper(), int(based[2] or based[3]))
    if ":" in text:
        return _ratio(text)
    ordinal = _ORDINAL.fullmatch(text)
    return Words(ordinal[1] + ordinal[2]) if ordinal else _reduced_ratio(text)


def _reduced_ratio(text: str) -> Atom | None:
    # "4 to 6" is more likely a range.
    match = _REDUCED.fullmatch(text)
    if not match or math.gcd(int(match[1]), int(match[2])) != 1 or match[2] == "0":
        return None
    return Quantity(Call("/", (Num(Fraction(match[1])), Num(Fraction(match[2])))))


def _time_of_day(hour: int, minute: str, half: str) -> Words:
    # From 1 pm the 12-hour and 24-hour clocks differ, so 15:30 is unambiguous.
    is_afternoon = half == "p" and 1 <= hour < 12
    return Words(f"{hour + 12}:{minute}" if is_afternoon else f"{hour}:{minute} {half}m")


def _ratio(text: str) -> Atom | None:
    parts = [read_number(part.strip()) for part in text.split(":", 4)]
    numbers = [part for part in parts if part is not None]
    if len(numbers) < len(parts):
        return _symbolic_ratio(text)
    if len(numbers) == 2 and numbers[1].value:
        return Quantity(Call("/", (numbers[0], numbers[1])))
    scale = next((number.value for number in numbers if number.value), Fraction(1))
    return Words(" : ".join(str(number.value / scale) for number in numbers))


def _symbolic_ratio(text: str) -> Atom | None:
    left, _, right = text.partition(":")
    over, under = _algebra(left), _algebra(right)
    if over is None or under is None or is_prose(text):
        return None
    return Quantity(Call("/", (over, under)))


def _measured(text: str) -> Atom | None:
    """Read a number with or without a unit, or an expression with a unit."""
    if compound := read_compound(text):
        return Quantity(Num(compound[0]), compound[1])
    if part := read_number(text):
        return Quantity(part)
    money = _MONEY_PREFIX.match(text)
    if money and money.end() < len(text):
        return _money(text, money)
    prefix = number_prefix(text)
    if prefix:
        number, end = prefix
        rest = _GREEK_UNIT.sub(lambda match: "Ω" if match[1] else "μ", text[end:])
        if not rest:
            return Quantity(number)
        unit = unit_of(rest, is_spaced=rest[0] == " ")
        if unit is not None:
            return Quantity(number, unit, _plain(text, rest))
    return _expression_with_unit(text)


def _money(text: str, money: re.Match[str]) -> Atom | None:
    inner = _measured(text[money.end() :]) or _other(text[money.end() :])
    if not isinstance(inner, Quantity):
        return None
    negative = "-" in (money[1], money[3], money[4])
    value = Call("neg", (inner.value,)) if negative else inner.value
    symbol = money[2] or money[5]
    if inner.unit is None:
        return Quantity(value, read_unit(symbol))
    rest = text[money.end() :]
    number = number_prefix(rest)
    tail = rest[number[1] :].strip() if number else ""
    repeats = inner.unit == read_unit(symbol)
    return Quantity(value, inner.unit if repeats else read_unit(f"{symbol} {tail}"))


def _expression_with_unit(text: str) -> Atom | None:
    if text.endswith("%"):
        value = _algebra(text[:-1])
        return Quantity(value, PERCENT) if value is not None else None
    starts = [match.start() for match in WORD.finditer(text) if match.start()][:6]
    if text.endswith("°"):
        starts.append(len(text) - 1)
    for start in starts:
        before, rest = text[:start], text[start:]
        if not any(character == "\\" or character.isdigit() for character in before):
            continue
        if any(f"\\{name}" in before for name in FUNCTIONS if name != "sqrt"):
            break
        is_spaced = before[-1] == " "
        unit = (
            unit_of(f" {rest}" if is_spaced else rest, is_spaced)
            if before.strip()[-1:] not in "+-*/^=("
            else None
        )
        value = _algebra(before) if unit is not None else None
        # "3 * 4 matrix" does not mean twelve matrices.
        is_counted = value is not None and (
            is_simple(value) or any(map(is_known, WORD.findall(rest))) or rest == "°"
        )
        if value is not None and is_counted and (len(rest) > 1 or rest == "°" or not symbols(value)):
            return Quantity(value, unit, _plain(text, rest))
    return None


def _plain(text: str, unit: str) -> Expr | None:
    """Read `text` as algebra if the letters of its unit may be variables; words may not."""
    return _algebra(text) if all(len(word) == 1 for word in WORD.findall(unit)) else None


def _other(text: str) -> Atom:
    if not is_prose(text):
        value = _algebra(text)
        if value is not None:
            return Quantity(value)
        if "\\" in text or len(text) > MAX_WORDS_CHARS:
            return Unread(text, malformed=not _has_matching_brackets(text))
        if not _has_matching_brackets(text):
            return Unread(text, malformed=True)
    key = " ".join(text.casefold().replace("{", " ").replace("}", " ").split()).strip(_OUTER)
    key = _ARTICLE.sub("", key, count=1) if _ARTICLE.match(key) else key
    words = key.split(" ")
    if len(words) > 1:
        # "no real solutions" equals "no real solution".
        key = " ".join(singular(word) for word in words)
    return Words(_SYNONYMS.get(key, key) or text.casefold())


def _has_matching_brackets(text: str) -> bool:
    # The brackets of a half-open interval "[1,2)" match.
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            return False
    return depth == 0


@lru_cache(maxsize=4096)
def _algebra(text: str) -> Expr | None:
    try:
        return read_expression(text.strip())
    except NotAlgebra:
        return None


def letter_unit(value: Expr) -> tuple[Expr, Unit] | None:
    """Read a number times a variable named like a unit ("5m") as a number of that unit."""
    if isinstance(value, Call) and value.name == "*" and isinstance(value.args[0], Num):
        variable = value.args[1]
        if isinstance(variable, Sym) and is_known(variable.name):
            unit = read_unit(variable.name)
            return (value.args[0], unit) if unit is not None else None
    return None
