"""Tells function calls such as `f(x)` from products such as `a(b + 1)`."""

from .tokens import APPLICATION, is_number
from .tree import CONSTANTS

MAX_LOOKAHEAD = 45
"""Most tokens after a name that tell if it is a function."""
_FUNCTIONS_ONLY = frozenset((*"fgFG", r"\Gamma", r"\zeta", r"\Phi", r"\Psi", r"\psi"))
"""Names that are never a factor before brackets."""
_OFTEN_FUNCTIONS = frozenset((*"hHPQyuvwNTVx", r"\phi", r"\sigma", r"\delta", r"\theta", r"\mu", r"\lambda"))
"""Names that are functions before a constant, or before a letter that is usually an argument."""
_OFTEN_ARGUMENTS = frozenset((*"txn", r"\theta"))
_MAX_ARGUMENT = 40
"""Most tokens in the argument of a name that is a function only by its argument."""


def is_call(name: str, following: list[str]) -> bool:
    """Whether `name` is a function and the `following` tokens begin with its argument, rather than with a factor."""
    if following[:1] == [APPLICATION]:
        return True
    if following[:1] != ["("] or name in CONSTANTS:
        return False
    letter = name.partition("_")[0].rstrip("'")
    if name[-1] == "'" or name.endswith("^-1") or letter in _FUNCTIONS_ONLY:
        return True
    inner = _enclosed(following)
    bare = inner[1:] if inner[:1] in (["-"], ["+"]) else inner
    if len(bare) == 1 and is_number(bare[0]):
        return not _is_growth(bare[0], following[len(inner) + 2 :])
    if "," in inner:
        return True
    is_argument = all(map(_is_of_constant, bare)) or (
        len(bare) == 1 and bare[0] in _OFTEN_ARGUMENTS - {letter}
    )
    return letter in _OFTEN_FUNCTIONS and is_argument


def _enclosed(following: list[str]) -> list[str]:
    """Tokens in the next brackets, if they are few."""
    inner: list[str] = []
    depth = 0
    for token in following[: _MAX_ARGUMENT - 1]:
        depth += (token in ("(", "[")) - (token in (")", "]"))
        if depth == 0:
            return inner[1:]
        # Commas within deeper brackets do not separate arguments of this function.
        inner.append("(" if token == "," and depth > 1 else token)
    return []


def _is_growth(number: str, rest: list[str]) -> bool:
    """Whether a number in brackets, followed by `rest`, is the base of a power, as in the product P(0.9)^t."""
    after = rest[:4]
    if number == "0" or after[:1] != ["^"]:
        return False
    exponent = after[2:3] if after[1:2] == ["{"] and after[3:] == ["}"] else after[1:2]
    return "." in number or not all(map(is_number, exponent))


def _is_of_constant(token: str) -> bool:
    return is_number(token) or token in (r"\pi", r"\frac", "{", "}", "/")
