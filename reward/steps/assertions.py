"""Tells from the words around a claim whether the text asserts it."""

from collections.abc import Sequence

from .items import NUMBERED, Item
from .nodes import Node, Number, Operation, Value, is_bare, numbers
from .tokens import Token

_BEFORE_CLAIMS = """
since because so thus therefore hence then next finally lastly afterwards that but as have get gets got is are was were
now check obtain find gives giving
"""
_LEADING_QUESTIONS = """
is are was were am isn't aren't wasn't do does did don't doesn't didn't can can't could would should will might may
what which who whose how why when where whether if suppose assume assuming
"""
_LEADING_CLAUSES = (
    "so but and or then now thus therefore hence also well wait hmm ok okay first next finally again"
)
_AFTER_REFUSED = """
wrong incorrect false mistake invalid impossible contradiction untrue mod modulo pmod bmod binary octal hexadecimal
✗ ✘ ❌
"""
_AFTER_NOT = "true correct right equal possible valid"
_AFTER_SCALED = """
more less fewer greater times percent of out over older younger bigger smaller larger and or to than + - * / % ^
"""
_REASONS = frozenset(_BEFORE_CLAIMS.split())
_SUPPOSITIONS = frozenset(("if", "suppose", "assume", "assuming"))
_HYPOTHESES = _SUPPOSITIONS | {"whether", "unless", "not", "isn't", "never"}
_QUESTIONS = frozenset(_LEADING_QUESTIONS.split())
_CONNECTIVES = frozenset(_LEADING_CLAUSES.split())
_NO = frozenset(("no", "nope", "not", "never"))
_REFUSALS = frozenset(_AFTER_REFUSED.split())
_NOT_REFUSED = frozenset(_AFTER_NOT.split())
_SCALING = frozenset(_AFTER_SCALED.split())
_HOURS = frozenset(("hour", "hours"))
_COUNTED = NUMBERED | _HOURS
_TIMES = _HOURS | {"day", "days", "week", "weeks", "month", "months", "year", "years"}
_CLAUSE = 40
"""Most tokens of a clause in which its first word is looked for."""
_REACH = 200
"""Tokens after a supposed result among which the text may compute with it."""


def is_asserted(left: Item, right: Item, tokens: Sequence[Token], *, is_result: bool) -> bool:
    """Whether the text states the claim, rather than supposes it, asks for it or calls it wrong.

    `is_result` tells that a calculation is equated with a value.
    A question mark or an "if" does not take back such a claim if the text does not ask, or computes with the value.
    """
    for token in reversed(tokens[max(0, left.start - 2) : left.start]):
        word = token.text.lower()
        if token.kind == "break":
            break
        if word in _HYPOTHESES:
            return is_result and word in _SUPPOSITIONS and _is_used(left, right, tokens)
    if _is_refused_before(left.start, tokens):
        return False
    before = ""
    for token in tokens[right.end : right.end + 8]:
        word = token.text.lower().lstrip("\\")
        if token.text in ("\n", ";", ".") and token.kind == "break":
            break
        if word == "?" and (not is_result or _is_led(left.start, tokens)):
            return False
        if word in _REFUSALS or (before, word) == ("in", "base"):
            return False
        if (before == "not" and word in _NOT_REFUSED) or (before == "?" and word in _NO):
            return False
        before = word
    return True


def _is_refused_before(end: int, tokens: Sequence[Token]) -> bool:
    """Whether the words right before a claim refuse it: "Wrong: 2 + 2 = 5", "it is not true that 2 + 2 = 5"."""
    words = [token.text.lower() for token in tokens[max(0, end - 4) : end]]
    words = [word for word in words if word not in (":", "that", "have")]
    if words and (words[-1] in _REFUSALS or words[-1] in ("can't", "cannot")):
        return True
    return words[-2:-1] == ["not"] and words[-1] in _NOT_REFUSED


def _is_led(end: int, tokens: Sequence[Token]) -> bool:
    """Whether the clause before the token `end` begins as a question or a condition does."""
    words: list[str] = []
    for token in reversed(tokens[max(0, end - _CLAUSE) : end]):
        if token.kind in ("break", "open"):
            break
        words.append(token.text.lower())
    return next((word in _QUESTIONS for word in reversed(words) if word not in _CONNECTIVES), False)


def _is_used(left: Item, right: Item, tokens: Sequence[Token]) -> bool:
    """Whether the text computes with a supposed result or ends with it, and finds no contradiction."""
    later = tokens[right.end : right.end + _REACH]
    if any(token.text.lower() in _REFUSALS for token in later):
        return False
    result = right if right.node is not None and is_bare(right.node) else left
    values = _values(tokens[result.start : result.end])
    computed = [
        token
        for before, token, after in zip(later, later[1:], later[2:], strict=False)
        if "operator" in (before.kind, after.kind)
    ]
    return not values.isdisjoint(_values(computed) | _values(later[-4:]))


def _values(tokens: Sequence[Token]) -> set[Value]:
    return {token.value for token in tokens if token.kind == "number"}


def is_label(left: Item, right: Item, tokens: Sequence[Token]) -> bool:
    """Whether the left side begins with a number that names something: "Week 2 = 3 * 4", "Day 2 - 3 * 4 = 12"."""
    if _is_range(left, tokens) and _is_range(right, tokens):
        return True
    if _counts_range(left, right, tokens):
        return True
    if left.node is None or left.start == 0:
        return False
    before = tokens[left.start - 1]
    if is_bare(left.node):
        if before.text == "," and left.start > 1 and tokens[left.start - 2].kind == "number":
            return True
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


def _counts_range(left: Item, right: Item, tokens: Sequence[Token]) -> bool:
    """Whether a range is counted: "pp. 3-5 = 3 pages", "1990 - 2020 = 30 years", "9 - 5 = 8 hours"."""
    counted = tokens[right.end].text.lower() if right.end < len(tokens) else ""
    if counted not in _COUNTED or not _is_difference(left):
        return False
    length = tokens[left.end - 1].value - tokens[left.start].value
    is_rising = length > 0
    if is_rising and _is_range(left, tokens):
        return True
    # A clock begins again after twelve hours.
    spans = {length} if is_rising else {length + 12, length + 24} if counted in _HOURS else set()
    return counted in _TIMES and isinstance(right.node, Number) and right.node.value in spans


def _is_difference(item: Item) -> bool:
    """Whether the item is one number minus another."""
    node = item.node
    if not isinstance(node, Operation) or node.sign != "+" or len(node.args) != 2:
        return False
    second = node.args[1]
    return isinstance(second, Operation) and second.sign == "-" and item.end - item.start == 3


def states_count(left: Node, right: Node) -> bool:
    """Whether a counted thing is worth a calculation: "8 batches = 5.5 * 8" gives the weight of the batches."""
    if not is_bare(left) or is_bare(right):
        return False
    has_unit = any(number.words or number.unit for number in numbers(left))
    return has_unit or all(number.percent for number in numbers(right))


def is_scaled(end: int, tokens: Sequence[Token]) -> bool:
    """Whether the words after a claim in words change its last number: "half of 48 is 24 more than ..."."""
    return end < len(tokens) and tokens[end].text.lower() in _SCALING
