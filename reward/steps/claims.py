"""Finds pairs of closed expressions that a text relates, and decides whether the relation holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from .grammar import unit_of, with_words
from .items import Item
from .nodes import Node, Number, Operation, Value, is_bare, numbers
from .tokens import Token

_BEFORE_CLAIMS = """
since because so thus therefore hence then that but as have get gets got is are was were now check
obtain find gives giving
"""
_BEFORE_HYPOTHESES = "if suppose assume assuming whether unless not isn't never say would were"
_AFTER_REFUSED = (
    "wrong incorrect false mistake invalid impossible contradiction untrue mod modulo pmod bmod not"
)
_REASONS = frozenset(_BEFORE_CLAIMS.split())
_HYPOTHESES = frozenset(_BEFORE_HYPOTHESES.split())
_REFUSALS = frozenset(_AFTER_REFUSED.split())


@dataclass(frozen=True, slots=True)
class Claim:
    """Relation between two expressions of the text, each with its first and last token."""

    left: Node
    relation: str
    right: Node
    left_span: tuple[int, int]
    right_span: tuple[int, int]
    is_doubtful: bool
    """Whether the text may mean something else, so that only a relation that holds counts."""
    runs_on: bool = False
    """Whether the right side is calculated with before its value is told: "3 + 4 = 7 - 2 = 5"."""


@dataclass(slots=True)
class Findings:
    """Decided claims so far, and the exact values of decimals that they rounded."""

    exact: dict[Fraction | int, Value] = field(default_factory=dict)


def find_claims(items: Sequence[Item], tokens: Sequence[Token]) -> Iterator[Claim]:
    """Yield each neighbouring pair of each chain of equations and inequalities, in order."""
    for position, item in enumerate(items):
        if item.kind != "relation" or not 0 < position < len(items) - 1:
            continue
        left, right = items[position - 1], items[position + 1]
        if left.node is None or right.node is None or "open" in (left.left, right.right):
            continue
        if left.right == "open" or right.left == "open":
            continue
        runs_on = position + 2 < len(items) and items[position + 2].kind == "relation"
        claim = _claim(left, right, tokens, item, runs_on=runs_on)
        if claim is not None:
            yield claim


def _claim(
    left: Item, right: Item, tokens: Sequence[Token], relation: Item, *, runs_on: bool
) -> Claim | None:
    sign = tokens[relation.start].text
    assert left.node is not None
    assert right.node is not None
    if _is_hypothetical(left, tokens) or _is_refused(right, tokens):
        return None
    is_doubtful = "doubtful" in (left.left, left.right, right.right) or _is_label(left, tokens)
    is_doubtful = is_doubtful or _states_count(left.node, right.node) or _is_range(left, tokens)
    right_node = _with_following_unit(right, tokens)
    return Claim(
        left.node, sign, right_node, (left.start, left.end), (right.start, right.end), is_doubtful, runs_on
    )


def _is_hypothetical(left: Item, tokens: Sequence[Token]) -> bool:
    for token in reversed(tokens[max(0, left.start - 3) : left.start]):
        if token.kind == "break":
            return False
        if token.text.lower() in _HYPOTHESES:
            return True
    return False


def _is_refused(right: Item, tokens: Sequence[Token]) -> bool:
    """Whether the text asks for the claim or calls it wrong."""
    for token in tokens[right.end : right.end + 8]:
        if token.text in ("\n", ";", ".") and token.kind == "break":
            return False
        if token.text == "?" or token.text.lower().lstrip("\\") in _REFUSALS:
            return True
    return False


def _is_label(left: Item, tokens: Sequence[Token]) -> bool:
    """Whether a value without a calculation follows prose: "Week 2 = 3 * 4" says nothing about 2."""
    if left.node is None or not is_bare(left.node) or left.start == 0:
        return False
    before = tokens[left.start - 1]
    return before.kind not in ("break", "open", "relation", "bar") and before.text.lower() not in _REASONS


def _states_count(left: Node, right: Node) -> bool:
    """Whether a counted thing is worth a calculation: "8 batches = 5.5 * 8" gives the weight of the batches."""
    return (
        is_bare(left) and not is_bare(right) and any(number.words or number.unit for number in numbers(left))
    )


def _is_range(left: Item, tokens: Sequence[Token]) -> bool:
    """Whether the left side is a range, as in "Pages 1-2 = 96 - 70"."""
    is_range = left.end - left.start == 3 and tokens[left.start + 1].text == "-" and left.start > 0
    return (
        is_range
        and tokens[left.start - 1].kind == "word"
        and tokens[left.start].end == tokens[left.start + 1].start
    )


def _with_following_unit(right: Item, tokens: Sequence[Token]) -> Node:
    """Attach the unit that follows the last value of a chain, whose words go on as a sentence."""
    assert right.node is not None
    words: list[str] = []
    for token in tokens[right.end : right.end + 3]:
        if token.kind != "word":
            break
        words.append(token.text)
    for count in (3, 2, 1):
        unit, _ = unit_of(tuple(words[:count])) if len(words) >= count else (None, ())
        if unit is not None:
            return with_words(right.node, words[:count])
    if words and isinstance(right.node, Number) and not right.node.words and right.node.unit is None:
        return with_words(right.node, words[:1])
    return right.node


def first_operand(node: Node) -> Node | None:
    """First operand of a calculation; None for a value."""
    while isinstance(node, Operation) and node.sign == "quantity":
        node = node.args[0]
    return node.args[0] if isinstance(node, Operation) and node.sign in ("+", "*", "of") else None
