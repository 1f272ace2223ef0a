"""Finds pairs of closed expressions that a text relates."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .assertions import is_asserted, is_label, is_scaled, states_count
from .items import Item
from .nodes import Node, Number, Operation, is_bare
from .reader import unit_of, with_words
from .tokens import Token

_REMAINDER = frozenset(("remainder", "r", "rem"))
_LEFT_OVER = frozenset(("left", "leftover", "remaining", "over"))
_BEFORE_REMAINDER = frozenset(("with", "a", "the", "and", "of", ",", *_REMAINDER))


class Claim(NamedTuple):
    """Relation between two expressions of the text, each with its first and last token."""

    left: Node
    relation: str
    right: Node
    left_span: tuple[int, int]
    right_span: tuple[int, int]
    is_doubtful: bool = False
    """Whether the text may mean something else, so that only a relation that holds counts."""
    others: tuple[tuple[Node, Node], ...] = ()
    """Other sides that the text may relate; the claim is false only if no pair holds."""
    words: tuple[str, ...] = ()
    """Words after the claim, which may name what both sides count."""
    span: tuple[int, int] | None = None
    """Tokens of a claim in words."""


def find_claims(items: Sequence[Item], tokens: Sequence[Token]) -> Iterator[Claim]:
    """Yield each neighbouring pair of each chain of equations and inequalities, in order."""
    for position, item in enumerate(items):
        if item.kind != "relation" or not 0 < position < len(items) - 1:
            continue
        left, right = items[position - 1], items[position + 1]
        if left.node is None or right.node is None or "open" in (left.left, left.right, right.left):
            continue
        division = _with_remainder(left, right, tokens)
        if division is None and right.right == "open":
            continue
        relation = tokens[item.start].text
        is_result = relation in "=≈" and is_bare(left.node) != is_bare(right.node)
        if is_asserted(left, right, tokens, is_result=is_result):
            runs_on = position + 2 < len(items) and items[position + 2].kind == "relation"
            yield division or _claim(left, right, tokens, relation, runs_on=runs_on)


def _claim(left: Item, right: Item, tokens: Sequence[Token], relation: str, *, runs_on: bool) -> Claim:
    assert left.node is not None
    assert right.node is not None
    ends = tokens[left.end - 1 : left.end + 1]
    is_doubtful = (
        "doubtful" in (left.left, left.right, right.left, right.right)
        or (ends[0].text == "!" and ends[0].end == ends[1].start)
        or is_label(left, right, tokens)
        or any(token.text.lower() in ("mod", "modulo") for token in tokens[right.start : right.end])
        or states_count(left.node, right.node)
    )
    others = tuple(_others(left, right, tokens, runs_on=runs_on))
    node = _with_following_unit(right, tokens, is_value=is_bare(left.node))
    return Claim(
        left.node,
        relation,
        node,
        (left.start, left.end),
        (right.start, right.end),
        is_doubtful,
        others,
        tuple(token.text for token in tokens[right.end : right.end + 4] if token.kind == "word"),
    )


def _others(
    left: Item, right: Item, tokens: Sequence[Token], *, runs_on: bool
) -> Iterator[tuple[Node, Node]]:
    """Yield other sides: "3 + 4 = 7 - 2 = 5" states that 3 + 4 is 7, and continues from it."""
    assert left.node is not None
    assert right.node is not None
    if left.edges is not None:
        yield left.edges[1], right.node
    if right.edges is not None:
        yield left.node, right.edges[0]
    if tokens[right.start].text == "(" and isinstance(right.node, Number):
        # In accounts a loss of 200 is (200).
        yield left.node, Operation("-", (right.node,))
    first = right.node
    while isinstance(first, Operation) and first.sign in ("+", "*", "of", "quantity"):
        is_share = first.sign == "of"
        first = first.args[0]
        if runs_on or is_share or right.is_ambiguous:
            yield left.node, first
    is_last = right.end >= len(tokens) or tokens[right.end].kind in ("break", "word", "close")
    if isinstance(right.node, Operation) and right.node.sign == "!" and is_last:
        # An exclamation mark ends a sentence as well.
        yield left.node, right.node.args[0]


def spoken_claim(
    sides: tuple[Node, str, Node], operands: Sequence[Item], span: tuple[int, int], tokens: Sequence[Token]
) -> Claim | None:
    """Claim that a pattern of arithmetic in words has read at the tokens of `span`; None if it asserts nothing."""
    left, relation, right = sides
    first, last = operands[0], operands[-1]
    is_result = relation in "=≈" and is_bare(left) != is_bare(right)
    if not is_asserted(first, last, tokens, is_result=is_result) or is_scaled(span[1], tokens):
        return None
    is_doubtful = (
        "doubtful" in (first.left, last.right)
        or any(item.is_ambiguous for item in operands)
        or is_label(first, last, tokens)
        or _is_definition(operands, tokens)
    )
    return Claim(
        left, relation, right, (first.start, first.end), (last.start, last.end), is_doubtful, span=span
    )


def _is_definition(operands: Sequence[Item], tokens: Sequence[Token]) -> bool:
    """Whether "is" tells how something is computed, as in "two weeks is 2 * 7"."""
    first, last = operands[0], operands[-1]
    assert first.node is not None
    assert last.node is not None
    if is_bare(last.node) or (isinstance(last.node, Operation) and last.node.sign == "of"):
        return False
    return last.edges is None or tokens[first.end].text.lower() not in ("is", "are", "was", "equals")


def _with_remainder(left: Item, right: Item, tokens: Sequence[Token]) -> Claim | None:
    """Read "17 / 5 = 3 remainder 2" as 17 = 5 * 3 + 2; None if no remainder follows."""
    node, quotient = left.node, right.node
    if not isinstance(node, Operation) or node.sign != "*" or len(node.args) != 2 or quotient is None:
        return None
    total, divisor = node.args
    remainder = _remainder(tokens, right.end)
    if not isinstance(divisor, Operation) or divisor.sign != "/" or remainder is None:
        return None
    rest, end = remainder
    product = Operation("+", (Operation("*", (quotient, divisor.args[0])), rest))
    return Claim(total, "=", product, (left.start, left.end), (right.start, end), span=(left.start, end))


def _remainder(tokens: Sequence[Token], position: int) -> tuple[Node, int] | None:
    is_named = False
    for end in range(position, min(position + 6, len(tokens))):
        token = tokens[end]
        word = token.text.lower()
        if token.kind == "number" and end > position:
            is_named = is_named or (end + 1 < len(tokens) and tokens[end + 1].text.lower() in _LEFT_OVER)
            return (Number(token.value), end + 1) if is_named else None
        if word not in _BEFORE_REMAINDER:
            return None
        is_named = is_named or word in _REMAINDER
    return None


def _with_following_unit(right: Item, tokens: Sequence[Token], *, is_value: bool) -> Node:
    """Attach the unit that follows the last value of a chain, if its words continue a sentence."""
    assert right.node is not None
    words: list[str] = []
    for token in tokens[right.end : right.end + 3]:
        if token.kind != "word":
            break
        words.append(token.text)
    for count in range(len(words), 0, -1):
        if unit_of(tuple(words[:count]))[0] is not None:
            return with_words(right.node, words[:count])
    if (
        words
        and is_value
        and isinstance(right.node, Number)
        and not right.node.words
        and right.node.unit is None
    ):
        return with_words(right.node, words[:1])
    return right.node
