"""Reads what is left of an answer once its structure is taken apart: a quantity, words, or unknown LaTeX."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from reward.answers.compare.rational import is_simple

from .compound import read_compound
from .counted import counts, foreign_unit, is_fraction, without_comparison
from .expression import FUNCTIONS, NotAlgebra, read_expression
from .numbers import number_prefix, read_number
from .tree import Call, Expr, Num, Sym, symbols
from .units import PERCENT, Unit, is_known, read_unit, singular

MAX_UNIT_WORDS = 4
MAX_WORDS_CHARS = 200
"""Longest text without a sign of prose that is taken for words rather than for algebra too long to read."""
_CONNECTIVE_WORDS = (
    "or and to but not than plus minus times over is are was equal equals more less fewer about at least "
    "most approximately approx roughly nearly almost around between from if when then so because since "
    "which where mod modulo choose divided by no none never nor either neither without except only until "
    "up under above below greater smaller unknown undefined wrong instead for factorial negative positive "
    "power root inverse reciprocal complement repeating recurring zero hundred thousand twice double"
)
_CONNECTIVES = frozenset(_CONNECTIVE_WORDS.split())
_TWO_LETTER_WORDS = "no on of or in it is am an at as up us we me he go do so to if my by be pm ok hi"
_SHORT_WORDS = frozenset(_TWO_LETTER_WORDS.split())
_MONEY_PREFIX = re.compile(
    r"([+-]?) ?(?:(?:US|U\.S\.) ?)?([$€£¥₹]) ?([+-]?)|([+-]?)(USD|EUR|GBP|JPY|INR)(?![A-Za-z]) ?"
)
_UNIT_CHARACTERS = re.compile(r"[^\W\d_]|[-' /*^{}.°%$€£¥₹()0-9]")
_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]+(?:['-][^\W\d_]+)*")
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,} +[A-Za-z]{2,}")
_WORDS_ALONE = re.compile(r"[^\W\d_]+(?:[ '.,!?-]+[^\W\d_]+)*[.!?]*")
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
_SPACED_NUMBERS = re.compile(r"(?<![\d._^])\d[\d.]* +\d")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_POWER_OF_METRES = re.compile(r"m ?\^ ?(?:\{ ?[23] ?\}|[23])")
_GREEK_UNIT = re.compile(r"\\(?:(Omega)(?![A-Za-z])|mu ?(?=[A-Za-z]))")
_OUTER = " \"'.,;:!?"


@dataclass(frozen=True)
class Quantity:
    """A value, in a unit or without; `plain` is the same text read as algebra, a unit's letter a variable."""

    value: Expr
    unit: Unit | None = None
    plain: Expr | None = None


@dataclass(frozen=True)
class Infinite:
    """Infinity of either sign."""

    sign: int


@dataclass(frozen=True)
class Words:
    """Text; `key` is what of it counts."""

    key: str


@dataclass(frozen=True)
class Based:
    """A numeral in a base that it states."""

    digits: str
    base: int


@dataclass(frozen=True)
class Unread:
    """LaTeX that only the parser may know; malformed where not even that could."""

    text: str
    malformed: bool = False


Leaf = Quantity | Infinite | Words | Based | Unread


def is_balanced(text: str) -> bool:
    """Whether the braces of `text` match, escaped ones apart."""
    open_braces = 0
    for brace in _BRACE.findall(text):
        open_braces += (brace == "{") - (brace == "}")
        if open_braces < 0:
            return False
    return open_braces == 0


@lru_cache(maxsize=4096)
def read_leaf(text: str) -> Leaf:
    """What a normalised text without structure says.

    Raises:
        TooLarge: it is a number of more than 4,000 digits.
    """
    if not is_balanced(text):
        return Unread(text, malformed=True)
    if infinite := re.fullmatch(r"([+-]?) ?(?:\\infty|infinity)", text):
        return Infinite(-1 if infinite[1] else 1) if infinite[1] == "-" else Infinite(1)
    return _special(text) or _measured(text) or _other(text)


def is_clock(text: str) -> bool:
    """Whether `text` can be a time of day on a clock of 24 hours."""
    return _CLOCK.fullmatch(text) is not None


def _special(text: str) -> Leaf | None:
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


def _reduced_ratio(text: str) -> Leaf | None:
    # "4 to 6" is rather a range.
    match = _REDUCED.fullmatch(text)
    if not match or math.gcd(int(match[1]), int(match[2])) != 1 or match[2] == "0":
        return None
    return Quantity(Call("/", (Num(Fraction(match[1])), Num(Fraction(match[2])))))


def _time_of_day(hour: int, minute: str, half: str) -> Words:
    # From one in the afternoon on the hours of two clocks differ, so that 15:30 can be nothing else.
    is_afternoon = half == "p" and 1 <= hour < 12
    return Words(f"{hour + 12}:{minute}" if is_afternoon else f"{hour}:{minute} {half}m")


def _ratio(text: str) -> Leaf | None:
    parts = [read_number(part.strip()) for part in text.split(":", 4)]
    numbers = [part for part in parts if part is not None]
    if len(numbers) < len(parts):
        return _symbolic_ratio(text)
    if len(numbers) == 2 and numbers[1].value:
        return Quantity(Call("/", (numbers[0], numbers[1])))
    scale = next((number.value for number in numbers if number.value), Fraction(1))
    return Words(" : ".join(str(number.value / scale) for number in numbers))


def _symbolic_ratio(text: str) -> Leaf | None:
    left, _, right = text.partition(":")
    over, under = _algebra(left), _algebra(right)
    if over is None or under is None or _is_prose(text):
        return None
    return Quantity(Call("/", (over, under)))


def _measured(text: str) -> Leaf | None:
    """A number with or without a unit, or an expression with one."""
    if compound := read_compound(text):
        return Quantity(Num(compound[0]), compound[1])
    if part := read_number(text):
        return Quantity(part)
    money = _MONEY_PREFIX.match(text)
    if money and money.end() < len(text):
        return _money(text, money)
    found = number_prefix(text)
    if found:
        number, end = found
        rest = _GREEK_UNIT.sub(lambda match: "Ω" if match[1] else "μ", text[end:])
        if not rest:
            return Quantity(number)
        unit = unit_of(rest, is_spaced=rest[0] == " ")
        if unit is not None:
            return Quantity(number, unit, _plain(text, rest))
    return _expression_with_unit(text)


def _money(text: str, money: re.Match[str]) -> Leaf | None:
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


def _expression_with_unit(text: str) -> Leaf | None:
    if text.endswith("%"):
        value = _algebra(text[:-1])
        return Quantity(value, PERCENT) if value is not None else None
    starts = [match.start() for match in _WORD.finditer(text) if match.start()][:6]
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
        # "3 * 4 matrix" is no twelve matrices.
        is_counted = value is not None and (
            is_simple(value) or any(map(is_known, _WORD.findall(rest))) or rest == "°"
        )
        if value is not None and is_counted and (len(rest) > 1 or rest == "°" or not symbols(value)):
            return Quantity(value, unit, _plain(text, rest))
    return None


def _plain(text: str, unit: str) -> Expr | None:
    """`text` as algebra, where its unit is letters that may be variables; words may not."""
    return _algebra(text) if all(len(word) == 1 for word in _WORD.findall(unit)) else None


def unit_of(text: str, is_spaced: bool) -> Unit | None:
    """The unit that `text` names after a number; without a blank between it must be a known one of two letters."""
    phrase = text.strip().rstrip(".").replace("s' ", "s ")
    words = _WORD.findall(phrase)
    if not phrase or len(words) > MAX_UNIT_WORDS or len(phrase) > 80:
        return None
    if phrase in ("percent", "per cent", "percents", "percentage", "pct", "%"):
        return PERCENT
    if foreign := foreign_unit(phrase):
        return read_unit(foreign)
    if any(map(_is_no_unit, without_comparison(words))) or is_fraction(words):
        return None
    if not all(_UNIT_CHARACTERS.fullmatch(character) for character in phrase):
        return None
    if words and not _names_unit(phrase, words, is_spaced):
        return None
    return read_unit(phrase) if words or phrase[0] in "°$€£¥₹" else None


def _is_no_unit(word: str) -> bool:
    """Whether a word, or one in it as in "half-hours", has a meaning that no unit has: "fives", "roots", "or"."""
    is_function = _is_mathematical(word) and word != "sec"
    parts = {part for whole in word.lower().split("-") for part in (whole, singular(whole))}
    is_part = "-" in word and is_fraction(word.split("-"))
    return is_function or is_part or not parts.isdisjoint(_CONNECTIVES) or any(map(number_prefix, parts))


def _names_unit(phrase: str, words: list[str], is_spaced: bool) -> bool:
    first = words[0]
    if phrase[0] in "°$€£¥₹/":
        return True
    if not phrase.startswith(first):
        return False
    if not is_spaced:
        return is_known(first) and (len(first) > 1 or _POWER_OF_METRES.fullmatch(phrase) is not None)
    # "18 dollars a day"
    named = [
        word
        for place, word in enumerate(words)
        if word not in ("of", "per") and not (place and word in ("a", "an"))
    ]
    return counts(named) and all(is_known(word) or len(word) > 2 or word in ("sq", "cu") for word in named)


def _other(text: str) -> Leaf:
    if not _is_prose(text):
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
        # "no real solutions" are "no real solution"
        key = " ".join(singular(word) for word in words)
    return Words(_SYNONYMS.get(key, key) or text.casefold())


def _has_matching_brackets(text: str) -> bool:
    # Of a half-open interval "[1,2)" the brackets do match.
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            return False
    return depth == 0


def _is_prose(text: str) -> bool:
    if _WORDS_ALONE.fullmatch(text):
        # A hyphen between letters is a minus as often: x-y, ad-bc.
        words = [word for word in re.split(r"[ '.,!?-]+", text) if word and not _is_mathematical(word)]
        return any(len(word) > 2 or not word.isascii() or word.lower() in _SHORT_WORDS for word in words)
    pairs = (pair[0].split() for pair in _PROSE.finditer(text))
    if any(not any(_is_mathematical(word) for word in pair) for pair in pairs):
        return True
    if "$" in text or ("\\" not in text and _SPACED_NUMBERS.search(text)):
        return True
    return any(len(word) > 2 and not _is_mathematical(word) for word in _lone_words(text))


def _lone_words(text: str) -> list[str]:
    """Words set apart by blanks, in a text without operators."""
    return [] if re.search(r"[+*/^=\\_(]", text) else [word for word in text.split() if word.isalpha()]


def _is_mathematical(word: str) -> bool:
    return word.lower() in FUNCTIONS or word in ("pi", "theta")


@lru_cache(maxsize=4096)
def _algebra(text: str) -> Expr | None:
    try:
        return read_expression(text.strip())
    except NotAlgebra:
        return None


def letter_unit(value: Expr) -> tuple[Expr, Unit] | None:
    """A number times a variable named like a unit ("5m"), read as a number of that unit."""
    if isinstance(value, Call) and value.name == "*" and isinstance(value.args[0], Num):
        variable = value.args[1]
        if isinstance(variable, Sym) and is_known(variable.name):
            unit = read_unit(variable.name)
            return (value.args[0], unit) if unit is not None else None
    return None
