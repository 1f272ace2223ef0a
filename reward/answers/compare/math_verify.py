"""Compares by math-verify the expressions without a reader here: integrals, sums, limits, matrix algebra.

The parser builds and evaluates any text, which may never end or take all memory. It runs without its own time limits,
because they need the main thread; the sandbox around the process sets limits.
"""

import re
from functools import lru_cache

from math_verify import LatexExtractionConfig, parse, verify
from sympy import Expr, N
from sympy.polys.polyerrors import BasePolynomialError

from reward.answers.math.atoms import Quantity, read_atom
from reward.answers.math.brackets import RELATIONS, split
from reward.answers.math.expression import FUNCTIONS, GREEK
from reward.answers.math.tree import symbols
from reward.types import Verdict

from .rational import Irrational, Undefined, rational_value

MAX_CHARS = 500
MAX_DEPTH = 12
"""Deepest nesting shown to the parser, whose time is exponential in it."""
_DIGITS = 40
_AGREE = 1e-25
_TARGET = (LatexExtractionConfig(boxed_match_priority=0),)
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_BEYOND_NAMES = "int iint oint sum prod lim begin gcd lcm max min det cap"
# The parser knows more than `reward.answers.math.expression` only with one of these; other text is malformed.
_BEYOND = frozenset(_BEYOND_NAMES.split())
_DERIVATIVE = re.compile(r"\\frac ?\{ ?d ?\} ?\{ ?d ?[a-z] ?\}")
_KNOWN_NAMES = "end binom cup ceil circ floor frac infty lceil lfloor pi rceil rfloor sqrt to"
_KNOWN = _BEYOND | FUNCTIONS | GREEK | frozenset(_KNOWN_NAMES.split())
_CHARACTERS = re.compile(r"[A-Za-z0-9\s\\{}()\[\]+\-*/^_!|.,&=°]+")
# The parser would read words as products, and dy/dx as 0.
_MISREAD = re.compile(
    r"(?<![\\A-Za-z])(?!matrix|pmatrix|bmatrix|vmatrix)[A-Za-z]{4,}|\\frac ?\{ ?d[^{}]{1,4}\} ?\{ ?d"
    r"|[0-9] +[0-9]|\\[()\[\]]|(?:[\^_] ?[A-Za-z0-9] ?){4}"
)
_RELATION = rf"{RELATIONS}|\\ni(?![A-Za-z])"
# Errors that sympy raises on expressions that it cannot evaluate, such as 5/0.
_INCOMPARABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BasePolynomialError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)


def compare_parsed(left: str, right: str, tolerance: float) -> Verdict:
    """Compare two normalised texts; UNDECIDED if one does not parse or cannot be evaluated.

    Numbers are compared to 40 digits, with the relative `tolerance` if one is written as a decimal.

    Raises:
        MemoryError: the comparison took more memory than the process may have.
    """
    texts = _readable(left), _readable(right)
    if texts[0] is None or texts[1] is None or not any(map(_is_beyond, texts)):
        return Verdict.UNDECIDED
    first, second = _parse(texts[0]), _parse(texts[1])
    if not first or not second:
        return Verdict.UNDECIDED
    try:
        is_equal = _compare_numbers(first[0], second[0], tolerance if "." in left + right else _AGREE)
        if is_equal is None:
            is_equal = _verify(first, second) or _verify(second, first)
    except _INCOMPARABLE:
        return Verdict.UNDECIDED
    # The parser does not distinguish x from X.
    if is_equal and _differ_in_case(texts[0], texts[1]):
        return Verdict.UNDECIDED
    return Verdict.EQUAL if is_equal else Verdict.DIFFERENT


def _readable(text: str) -> str | None:
    """Spelling of `text` for the parser: an exact fraction for a rational number; None if it would misread it."""
    atom = read_atom(text)
    if isinstance(atom, Quantity) and not symbols(atom.value):
        try:
            value = rational_value(atom.value, {})
            return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
        except (Irrational, Undefined):
            pass
    if len(text) > MAX_CHARS or _is_deep(text) or not _CHARACTERS.fullmatch(text) or _MISREAD.search(text):
        return None
    sides = split(text, _RELATION)
    is_known = all(command in _KNOWN for command in _COMMAND.findall(text))
    return text if is_known and sides is not None and not sides[1] else None


def _is_deep(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_DEPTH:
            return True
    return text.count("|") > MAX_DEPTH


def _is_beyond(text: str | None) -> bool:
    if text is None:
        return False
    return _DERIVATIVE.search(text) is not None or any(
        command in _BEYOND for command in _COMMAND.findall(text)
    )


@lru_cache(maxsize=1024)
def _parse(text: str) -> list:
    # In brackets, because the parser drops text at the end that it does not understand.
    latex = text.replace("*", r"\cdot ").replace("°", r"^{\circ}")
    # math-verify types its "no limit" value as int, so 0 stands for None.
    return parse(f"\\boxed{{({latex})}}", _TARGET, fallback_mode="no_fallback", parsing_timeout=0)


def _compare_numbers(left: object, right: object, tolerance: float) -> bool | None:
    """Whether two numbers agree; None if one is no number or cannot be evaluated."""
    if not isinstance(left, Expr) or not isinstance(right, Expr) or left.free_symbols or right.free_symbols:
        return None
    values = N(left.doit(), _DIGITS), N(right.doit(), _DIGITS)
    if not all(value.is_number and value.is_finite and value.is_comparable for value in values):
        return None
    return bool(abs(values[0] - values[1]) <= tolerance * max(abs(values[0]), abs(values[1])))


def _verify(gold: list, target: list) -> bool:
    # By default math-verify reports any error, even exhausted memory, as a difference.
    return verify(gold, target, timeout_seconds=None, raise_on_error=True)


def _differ_in_case(left: str, right: str) -> bool:
    here, there = (set(filter(str.isalpha, _COMMAND.sub("", text))) for text in (left, right))
    return any(letter.swapcase() in here | there for letter in here ^ there)
