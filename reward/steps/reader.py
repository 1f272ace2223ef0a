"""Looks at the tokens of a text: their neighbours, matching brackets, and the units after numbers."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from reward.answers.math.units import Unit, is_known, is_plural, read_unit

from .nodes import Node, Number, Operation
from .tokens import Token, is_glued
from .unit_words import is_unit_word

MAX_DEPTH = 24
"""Deepest brackets of an expression; a deeper one is no claim."""
_CLOSING = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉"}


class Reader:
    """View of `tokens`; `partners` are the positions of matching brackets."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.partners = _partners(tokens)
        self.names = _names(tokens)
        self.is_latex = any(token.kind == "other" and token.text[0] == "\\" for token in tokens)

    def _at(self, position: int) -> Token | None:
        return self.tokens[position] if position < len(self.tokens) else None

    def _text(self, position: int) -> str:
        return self.tokens[position].text if position < len(self.tokens) else ""

    def _is_operator(self, position: int, signs: str) -> bool:
        token = self._at(position)
        return token is not None and token.kind == "operator" and token.text in signs

    def unit_end(self, position: int) -> int:
        """Position after the words of a unit at `position`, which may be none: "km/h", "apples per bag"."""
        end, words = position, 0
        before = self._at(position - 1)
        while (token := self._at(end)) is not None and words < 4:
            if token.kind == "word" and (end > position or before is None or self._may_follow(before, token)):
                if not is_unit_word(token.text, is_first=end == position):
                    break
                words, end = words + 1, end + 1
            elif token.text in ("²", "³") and end > position:
                end += 1
            elif token.text == "^" and end > position and self._text(end + 1) in ("2", "3"):
                end += 2
            elif token.text == "/" and before is not None and self._is_unit_at(end + 1):
                end += 1
            else:
                break
        while end > position and self._text(end - 1).lower() in ("of", "per", "a", "an", "/"):
            end -= 1
        return end

    def _is_unit_at(self, position: int) -> bool:
        token = self._at(position)
        return token is not None and token.kind == "word" and is_unit_word(token.text, is_first=True)

    def _may_follow(self, before: Token, word: Token) -> bool:
        """Whether a word may be the unit of what stands before it: "5km" and "5 km", but not "3x"."""
        if not is_glued(before, word) or word.text.startswith("-"):
            return True
        if before.kind != "number":
            return False
        is_unit = is_known(word.text) and word.text not in self.names
        return is_unit or (len(word.text) > 3 and is_plural(word.text))

    def _compound(self, node: Node, position: int, end: int) -> tuple[Node, int] | None:
        """Read "2 hours and 30 minutes" and "5 feet 6 inches" as one quantity, in the first unit."""
        if not isinstance(node, Number):
            return None
        after = end + 1 if self._text(end).lower() in ("and", ",") else end
        following = self._at(after)
        if following is None or following.kind != "number" or following.is_word:
            return None
        unit, _ = unit_of(tuple(token.text for token in self.tokens[position:end]))
        if unit is None:
            return None
        stop = self.unit_end(after + 1)
        smaller, _ = unit_of(tuple(token.text for token in self.tokens[after + 1 : stop]))
        if smaller is None or smaller.dimension != unit.dimension or smaller.factor >= unit.factor:
            return None
        value = node.value + following.value * smaller.factor / unit.factor
        return Number(whole(value), unit=unit), stop


def with_words(node: Node, words: Sequence[str]) -> Node:
    """Attach unit words to a number; an operation keeps them with its last number."""
    unit, unknown = unit_of(tuple(words))
    if isinstance(node, Number):
        return node._replace(unit=unit or node.unit, words=unknown)
    return Operation("unit", (node, Number(1, unit=unit, words=unknown)))


@lru_cache(maxsize=4096)
def unit_of(words: tuple[str, ...]) -> tuple[Unit | None, tuple[str, ...]]:
    """Unit that `words` name, if all of them are known, and else the unknown ones."""
    if "of" in words[1:]:
        # "3 cups of flour" are 3 cups.
        words = words[: words.index("of", 1)]
    names = [
        word
        for word in words
        if (word[0].isalpha() or word[0] == "°") and word not in ("per", "a", "an", "of")
    ]
    unknown = tuple(word.lower() for word in names if not is_known(word))
    if not names or unknown:
        return None, unknown
    text = " ".join(words).replace("²", "^2").replace("³", "^3")
    return (read_unit(text) if len(text) <= 60 else None), ()


def _names(tokens: Sequence[Token]) -> frozenset[str]:
    """Single letters that stand somewhere without a number before them, as variables do and units do not."""
    return frozenset(
        token.text
        for before, token in pairwise([Token("break", "", 0, 0), *tokens])
        if len(token.text) == 1 and token.kind == "word" and before.kind != "number" and before.text != "/"
    )


def _partners(tokens: Sequence[Token]) -> dict[int, int]:
    """Positions of brackets that match, from opening to closing; those of too deep a nest are left out."""
    partners: dict[int, int] = {}
    stack: list[int] = []
    heights: list[int] = []
    for position, token in enumerate(tokens):
        if token.kind == "open":
            stack.append(position)
            heights.append(0)
        elif token.kind == "close" and stack:
            opening, height = stack.pop(), heights.pop() + 1
            if heights:
                heights[-1] = max(heights[-1], height)
            if _CLOSING[tokens[opening].text] != token.text:
                stack.clear()
                heights.clear()
            elif height < MAX_DEPTH:
                partners[opening] = position
    return partners


def whole(value: int | Fraction) -> int | Fraction:
    """Write a whole number as an integer."""
    return int(value) if value.denominator == 1 else value
