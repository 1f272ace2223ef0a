"""Tells from the words around a claim whether the text asserts it."""

from collections.abc import Sequence

from .items import NUMBERED, Item
from .nodes import Node, Operation, is_bare, numbers
from .tokens import Token

_BEFORE_CLAIMS = """
since because so thus therefore hence then that but as have get gets got is are was were now check obtain find gives
giving
"""
_BEFORE_HYPOTHESES = "if suppose assume assuming whether unless not isn't never"
_AFTER_REFUSED = (
    "wrong incorrect false mistake invalid impossible contradiction untrue mod modulo pmod bmod binary"
)
_AFTER_NOT = "true correct right equal possible valid"
_AFTER_SCALED = """
more less fewer greater times percent of out over older younger bigger smaller larger and or to than + - * / % ^
"""
_REASONS = frozenset(_BEFORE_CLAIMS.split())
_HYPOTHESES = frozenset(_BEFORE_HYPOTHESES.split())
_REFUSALS = frozenset(_AFTER_REFUSED.split())
_NOT_REFUSED = frozenset(_AFTER_NOT.split())
_SCALING = frozenset(_AFTER_SCALED.split())


def is_asserted(left: Item, right: Item, tokens: Sequence[Token]) -> bool:
    """Whether the text states the claim, rather than supposes it, asks for it or calls it wrong."""
    for token in reversed(tokens[max(0, left.start - 2) : left.start]):
        if token.kind == "break":
            break
        if token.text.lower() in _HYPOTHESES:
            return False
    before = ""
    for token in tokens[right.end : right.end + 8]:
        word = token.text.lower().lstrip("\\")
        if token.text in ("\n", ";", ".") and token.kind == "break":
            break
        if word == "?" or word in _REFUSALS or (before == "not" and word in _NOT_REFUSED):
            return False
        before = word
    return True


def is_label(left: Item, right: Item, tokens: Sequence[Token]) -> bool:
    """Whether the left side begins with a number that names something: "Week 2 = 3 * 4", "Day 2 - 3 * 4 = 12"."""
    if _is_range(left, tokens) and _is_range(right, tokens):
        return True
    if left.node is None or left.start == 0:
        return False
    before = tokens[left.start - 1]
    if is_bare(left.node):
        return before.kind not in ("break", "open", "relation", "bar") and before.text.lower() not in _REASONS
    is_computed = right.node is not None and not is_bare(right.node)
    is_dash = tokens[left.start + 1].text == "-" and tokens[left.start + 1].start > tokens[left.start].end
    is_named = before.text.lower() in NUMBERED
    is_range = before.kind == "word" and _is_range(left, tokens)
    return (is_named and is_dash) or ((is_named or is_computed) and is_range)


def _is_range(item: Item, tokens: Sequence[Token]) -> bool:
    """Whether the item may be a range, as in "Pages 1-2 = 96 - 70" and "3-4 hours"."""
    if item.end - item.start < 3 or not isinstance(item.node, Operation) or len(item.node.args) != 2:
        return False
    first, sign = tokens[item.start], tokens[item.start + 1]
    return first.kind == "number" and sign.text == "-" and first.end == sign.start


def states_count(left: Node, right: Node) -> bool:
    """Whether a counted thing is worth a calculation: "8 batches = 5.5 * 8" gives the weight of the batches."""
    if not is_bare(left) or is_bare(right):
        return False
    has_unit = any(number.words or number.unit for number in numbers(left))
    return has_unit or all(number.percent for number in numbers(right))


def is_scaled(end: int, tokens: Sequence[Token]) -> bool:
    """Whether the words after a claim in words change its last number: "half of 48 is 24 more than ..."."""
    return end < len(tokens) and tokens[end].text.lower() in _SCALING
