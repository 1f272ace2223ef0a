"""Cuts the tokens of a text into items: closed expressions, relations, words and breaks."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reward.answers.math.units import is_known, is_plural

from .grammar import STARTS, Parser
from .nodes import Node
from .tokens import Token, is_glued

ItemKind = Literal["expression", "relation", "word", "break", "other"]
Openness = Literal["closed", "doubtful", "open"]
"""Whether a value stands alone, may belong to something next to it, or does so for certain."""

_BEFORE = frozenset(("plus", "minus", "times", "over", "divided", "multiplied", "mod", "modulo"))
_AFTER = frozenset(("plus", "minus", "divided", "multiplied", "mod", "modulo"))
"""Words before and after an expression that make it part of a longer one."""
_BEFORE_NUMBERS = """
day week month year step part option case equation number room grade level figure table question problem item section
chapter stage phase round group class line page method game quarter bag box
"""
NUMBERED = frozenset(form for word in _BEFORE_NUMBERS.split() for form in (word, word + "s"))
"""Words before a number that names something: "day 3"."""
_ARTICLES = frozenset(("a", "A", "I", "à", "é"))


@dataclass(slots=True)
class Item:
    """Item of `kind`, of the tokens `start` to `end`; an expression has a `node`."""

    kind: ItemKind
    start: int
    end: int
    node: Node | None = None
    left: Openness = "closed"
    right: Openness = "closed"
    edges: tuple[Node, Node] | None = None
    """First and last operand of an expression that was read by a pattern of arithmetic in words."""
    is_ambiguous: bool = False
    """Whether the expression may be meant otherwise, as in "half of 8 + 2"."""


def read_items(tokens: Sequence[Token]) -> list[Item]:
    """Items of a text, with expressions as long as possible, in time linear in the tokens."""
    return list(_items(tokens, Parser(tokens)))


def _items(tokens: Sequence[Token], parser: Parser) -> Iterator[Item]:
    position = 0
    while position < len(tokens):
        token = tokens[position]
        may_start = (token.kind not in _KINDS or token.text in STARTS) and _may_start(
            tokens, parser, position
        )
        found = parser.expression(position) if may_start else None
        if found is None:
            yield Item(_KINDS.get(token.kind, "other"), position, position + 1)
            position += 1
            continue
        node, end = found
        item = Item("expression", position, end, node)
        item.left, item.right = _left(tokens, position), _right(tokens, parser, end)
        item.is_ambiguous = any(position < bracket < end for bracket in parser.loose)
        parser.loose.clear()
        yield item
        position = end


_KINDS: dict[str, ItemKind] = {"relation": "relation", "word": "word", "break": "break"}


def _may_start(tokens: Sequence[Token], parser: Parser, position: int) -> bool:
    if parser.starts(position):
        return True
    token = tokens[position]
    if token.kind != "operator" or token.text not in "+-" or not parser.starts(position + 1):
        return False
    if position == 0:
        return True
    before, after = tokens[position - 1], tokens[position + 1]
    if before.text == "\n" and not is_glued(token, after):
        # The line continues a calculation.
        return False
    if before.kind in ("relation", "break", "open"):
        return True
    is_sign = is_glued(token, after) and not is_glued(before, token)
    return before.kind == "word" and is_sign and len(before.text) > 1


def _is_name(token: Token) -> bool:
    """Whether a word is the name of a variable: one letter that is neither an article nor a unit."""
    return len(token.text) == 1 and token.text not in _ARTICLES


def _is_symbol(token: Token) -> bool:
    """Whether a token is a picture, such as a check mark, and no mathematical sign."""
    return len(token.text) == 1 and unicodedata.category(token.text) in ("So", "Po", "Pd")


def _left(tokens: Sequence[Token], position: int) -> Openness:
    if position == 0:
        return "closed"
    before, token = tokens[position - 1], tokens[position]
    glued = is_glued(before, token)
    if before.kind in ("relation", "open"):
        return "closed"
    if before.text == "&":
        return "open"
    if before.kind == "break":
        if before.text == "'" and token.kind == "open":
            # The value of a derivative: f'(2).
            return "open"
        is_ratio = glued and before.text in ":," and position > 1 and is_glued(tokens[position - 2], before)
        is_cut = (
            position > 1
            and before.text in ".,?"
            and tokens[position - 2].kind == "operator"
            and tokens[position - 2].text in "+-*/^"
        )
        is_label = position > 2 and tokens[position - 3].text.lower() in NUMBERED
        is_ratio = is_ratio and tokens[position - 2].kind == "number" and not is_label
        if before.text == ":" and position > 1 and tokens[position - 2].kind == "number" and not is_label:
            return "open" if is_ratio else "doubtful"
        return "open" if is_cut or is_ratio else "closed"
    if before.kind == "word":
        if glued or _is_name(before):
            return "open"
        return "doubtful" if before.text.lower() in _BEFORE else "closed"
    if before.kind == "number":
        return "closed" if before.is_word or token.is_word else "open"
    if before.kind in ("close", "bar"):
        return "open" if glued else "doubtful" if before.kind == "close" else "closed"
    if (
        before.text == "-"
        and position > 1
        and tokens[position - 2].kind == "word"
        and not _is_name(tokens[position - 2])
    ):
        return "doubtful"
    if before.text in ("%", "!", "°"):
        return "closed"
    is_mark = before.kind == "other" and _is_symbol(before) and before.text not in "@#&\\"
    return (
        "closed"
        if is_mark and (position < 2 or tokens[position - 2].kind not in ("number", "close"))
        else "open"
    )


def _right(tokens: Sequence[Token], parser: Parser, end: int) -> Openness:
    if end >= len(tokens):
        return "closed"
    before, after = tokens[end - 1], tokens[end]
    glued = is_glued(before, after)
    following = tokens[end + 1] if end + 1 < len(tokens) else None
    if after.kind in ("relation", "close"):
        return "closed"
    if after.kind == "break":
        is_ratio = glued and after.text in ":," and following is not None and is_glued(after, following)
        is_pair = following is not None and following.kind == "number"
        if after.text == ":" and is_pair and not is_ratio:
            return "doubtful"
        return "open" if is_ratio and is_pair else "closed"
    if after.kind == "currency":
        return "closed"
    if after.kind == "word":
        return _before_word(parser, before, after, end)
    if after.kind == "number":
        return "closed" if after.is_word or before.is_word else "open"
    if after.kind == "open":
        return "open" if glued or _holds_name(tokens, parser, end) else "closed"
    if after.kind == "bar":
        return "open" if glued else "closed"
    if after.text == "-" and following is not None and following.kind == "word" and not _is_name(following):
        return "doubtful"
    if after.text.startswith((".", "…")) and after.kind == "other":
        ends = following is None or following.kind in ("break", "word", "close")
        return "closed" if ends and before.kind == "number" and not before.places else "doubtful"
    if after.text == "!" and not glued:
        # An exclamation mark after a mark of emphasis.
        return "closed"
    return "closed" if after.kind == "other" and _is_symbol(after) and after.text not in "@#&\\*" else "open"


def _before_word(parser: Parser, before: Token, word: Token, end: int) -> Openness:
    if _is_function(parser, word, end):
        return "open"
    if parser.unit_end(end) > end:
        # A single letter after a number may be a unit or a variable.
        return "doubtful" if word.text in parser.names else "closed"
    if is_glued(before, word) or (_is_name(word) and not (is_known(word.text) and word.text != "s")):
        return "open"
    following = parser.tokens[end + 1].text.lower() if end + 1 < len(parser.tokens) else ""
    is_mixed = word.text.lower() == "and" and following in ("a", "half", "one-half", "one")
    return "doubtful" if is_mixed or word.text.lower() in _AFTER else "closed"


def _is_function(parser: Parser, word: Token, position: int) -> bool:
    """Whether a word names a function of what stands in brackets after it: "4 acot(5)"."""
    bracket = parser.tokens[position + 1] if position + 1 < len(parser.tokens) else None
    if bracket is None or bracket.text != "(" or is_known(word.text) or is_plural(word.text):
        return False
    # In LaTeX the name may stand in braces.
    return bracket.start - word.end <= int(parser.is_latex)


def _holds_name(tokens: Sequence[Token], parser: Parser, position: int) -> bool:
    close = parser.partners.get(position, position)
    inside = tokens[position + 1 : min(close, position + 40)]
    return any(token.kind == "word" and _is_name(token) for token in inside)
