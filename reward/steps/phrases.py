"""Finds arithmetic in words among the items of a text."""

import bisect
import re
from collections.abc import Iterator, Sequence

from .claims import Claim, spoken_claim
from .items import Item
from .nodes import Node, Number, Operation, is_bare
from .patterns import FIRST_CALCULATION, FIRST_VALUE, LAST, StepPattern, fill, operands
from .tokens import Token

_ROUNDS = 3
"""Times that the calculations of the patterns are read: "half of the sum of 3 and 5" takes two."""
_MOST = FIRST_CALCULATION - FIRST_VALUE - 1
DOZEN = 12
_OTHER = "\ufffc"


class Sentence:
    """Items as a text for patterns: a character for each expression, words in lower case, single blanks."""

    def __init__(self, items: Sequence[Item], tokens: Sequence[Token]) -> None:
        self.items = items[:_MOST]
        words = [_written(position, item, tokens) for position, item in enumerate(self.items)]
        self.text = " ".join(words)
        self.starts = []
        end = 0
        for word in words:
            self.starts.append(end)
            end += len(word) + 1

    def span(self, match: re.Match[str], group: int | str = 0) -> tuple[int, int]:
        """First item of a group of the match, and the item after its last one."""
        first = bisect.bisect_right(self.starts, match.start(group)) - 1
        return first, bisect.bisect_left(self.starts, match.end(group))

    def item(self, character: str) -> Item:
        """Expression that a character stands for."""
        code = ord(character)
        return self.items[code - (FIRST_CALCULATION if code >= FIRST_CALCULATION else FIRST_VALUE)]


def _written(position: int, item: Item, tokens: Sequence[Token]) -> str:
    token = tokens[item.start]
    if item.kind == "expression":
        if "open" in (item.left, item.right):
            return _OTHER
        first = FIRST_CALCULATION if _is_calculation(item, tokens) else FIRST_VALUE
        return chr(min(first + position, LAST))
    if item.kind == "break":
        return token.text if token.text != "\n" else ";"
    return token.text.lower() if item.kind in ("word", "relation") else _OTHER


def _is_calculation(item: Item, tokens: Sequence[Token]) -> bool:
    """Whether an expression is a calculation, and no fraction such as 3/4 or range such as 3-4."""
    if item.edges is not None:
        return True
    if isinstance(item.node, Number):
        return item.node.scale == DOZEN
    is_tight = item.end - item.start == 3 and tokens[item.end - 1].end - tokens[item.start].start < 12
    is_short = (
        is_tight
        and tokens[item.start + 1].text in "/-"
        and tokens[item.start].end == tokens[item.start + 1].start
    )
    is_part = is_short and tokens[item.start].value < tokens[item.end - 1].value
    return item.node is not None and not is_bare(item.node) and not is_part


def read_phrases(
    items: Sequence[Item], tokens: Sequence[Token], patterns: Sequence[StepPattern]
) -> tuple[Sequence[Item], list[Claim]]:
    """Read calculations in words as expressions; returns the items with these, and the claims in words."""
    words = {token.text.lower() for token in tokens if token.kind in ("word", "break")}
    usable = [pattern for pattern in patterns if not any(map(words.isdisjoint, pattern.required))]
    if not usable:
        return items, []
    sentence = Sentence(items, tokens)
    for _ in range(_ROUNDS):
        before = sentence
        for pattern in usable:
            if pattern.right is None:
                sentence = _rewritten(sentence, pattern, tokens)
        if sentence is before:
            break
    claims = [
        claim
        for pattern in usable
        if pattern.right is not None
        for claim in _claims(sentence, pattern, pattern.right, tokens)
    ]
    return sentence.items, claims


def _rewritten(sentence: Sentence, pattern: StepPattern, tokens: Sequence[Token]) -> Sentence:
    """Replace what the pattern of a calculation matches by expressions."""
    items: list[Item] = []
    done = 0
    for match in pattern.regex.finditer(sentence.text):
        first, last = sentence.span(match)
        found = operands(pattern, match)
        values = {position: sentence.item(character) for position, character in found}
        nodes = {position: _closed(item.node) for position, item in values.items()}
        item = Item("expression", sentence.items[first].start, sentence.items[last - 1].end)
        item.node = fill(pattern.left, nodes)
        item.edges = nodes[found[0][0]], nodes[found[-1][0]]
        item.right = sentence.item(found[-1][1]).right
        if sentence.items[first].node is not None:
            item.left = sentence.items[first].left
        if any(_is_ambiguous(value.node, position, pattern.left) for position, value in values.items()):
            item.is_ambiguous = True
        items += [*sentence.items[done:first], item]
        done = last
    return Sentence([*items, *sentence.items[done:]], tokens) if done else sentence


def _closed(node: Node | None) -> Node:
    assert node is not None
    return node if isinstance(node, Number) else Operation("quantity", (node,))


def _is_ambiguous(node: Node | None, position: int, meaning: Node) -> bool:
    """Whether an operand may be meant to end earlier: "half of 8 + 2"."""
    if not isinstance(node, Operation) or node.sign != "+":
        return False
    return not (isinstance(meaning, Operation) and meaning.sign == "+" and position == 0)


def _claims(
    sentence: Sentence, pattern: StepPattern, right: Node, tokens: Sequence[Token]
) -> Iterator[Claim]:
    for match in pattern.regex.finditer(sentence.text):
        first, last = sentence.span(match)
        found = {position: sentence.item(character) for position, character in operands(pattern, match)}
        values = {position: _closed(item.node) for position, item in found.items()}
        claim = spoken_claim(
            (fill(pattern.left, values), pattern.relation, fill(right, values)),
            list(found.values()),
            (sentence.items[first].start, sentence.items[last - 1].end),
            tokens,
        )
        if claim is not None:
            yield claim
