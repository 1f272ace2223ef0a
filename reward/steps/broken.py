"""Broken steps: unfinished ones, ones from values that appear nowhere, and ones with an unused result."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

from .claims import Claim
from .items import Item
from .markup import without_markup
from .nodes import Undecided, Value, evaluate, is_bare
from .number_words import FRACTION_WORDS, NUMBER_WORDS, SCALES
from .tokens import Token, tokenise

_COUNTING = {"and", "x", *NUMBER_WORDS, *SCALES, *FRACTION_WORDS}
"""Words that may be a part of a number."""
Span = tuple[int, int]
"""First token of a step, and the token after its last one."""
_DURATIONS = (7, 12, 24, 30, 31, 52, 60, 365)
_PARTS = tuple(Fraction(part, whole) for whole in (2, 3, 4, 5, 8, 10) for part in range(1, whole))
_CONSTANTS = frozenset((*range(11), *_DURATIONS, 16, 20, 25, 36, 50, 90, 100, 180, 360, 1000, *_PARTS))
"""Numbers that need no source: small ones, durations, parts, and those of percentages and angles."""


def broken_steps(
    claims: Iterable[Claim], items: Sequence[Item], tokens: Sequence[Token], given: str
) -> list[Span]:
    """Spans of the broken steps, each once, in the order of the text."""
    steps = steps_of(claims)
    values = list(map(_values, steps))
    spans = {
        *missing_sides(items, tokens),
        *unexplained(steps, values, tokens, given),
        *unused(steps, values, tokens),
    }
    return sorted(spans)


def missing_sides(items: Sequence[Item], tokens: Sequence[Token]) -> Iterator[Span]:
    """Yield the equations without a left side, a right side or an operand."""
    for position, item in enumerate(items):
        if item.kind != "relation" or tokens[item.start].text not in "=≈":
            continue
        before = tokens[item.start - 1] if item.start else None
        after = items[position + 1] if position + 1 < len(items) else None
        if after is not None and after.kind == "expression" and after.left == "closed":
            if before is None or _ends_sentence(tokens, item.start - 1):
                yield item.start, after.end
            elif before.text in ("+", "-", "*", "/") and _is_operand(tokens[max(0, item.start - 2)]):
                yield item.start - 2, after.end
        elif after is None or tokens[after.start].text in ("\n", ";", ".", "#"):
            left = items[max(0, position - 1)]
            if left.kind == "expression" and left.left == "closed":
                yield left.start, item.end


def _ends_sentence(tokens: Sequence[Token], position: int) -> bool:
    """Whether the token ends a line or a sentence; the dot of "3 lbs. = 48" does not."""
    if tokens[position].kind != "break" or tokens[position].text not in "\n;.":
        return False
    is_abbreviated = (
        position > 0 and tokens[position - 1].kind == "word" and len(tokens[position - 1].text) < 4
    )
    return tokens[position].text != "." or not is_abbreviated


def _is_operand(token: Token) -> bool:
    return token.kind in ("number", "close")


def steps_of(claims: Iterable[Claim]) -> list[Claim]:
    """Return the equations that compute something, in the order of the text."""
    steps = [claim for claim in claims if claim.relation in "=≈" and not is_bare(claim.left)]
    return sorted(steps, key=lambda claim: claim.left_span)


def unexplained(
    steps: Sequence[Claim], values: Sequence[Sequence[Value]], tokens: Sequence[Token], given: str
) -> Iterator[Span]:
    """Yield the steps that compute with a number that neither the question nor the text before holds.

    `values` are those of each step's sides.
    """
    known = set(_known(given)) if steps else set()
    seen = 0
    for step, sides in zip(steps, values, strict=True):
        first, last = step.left_span[0], step.right_span[1]
        known.update(token.value for token in tokens[seen:first] if token.kind == "number")
        operands = [token.value for token in tokens[first : step.left_span[1]] if token.kind == "number"]
        if not all(value in _CONSTANTS or value in known or _is_derived(value, known) for value in operands):
            yield first, last
        seen = max(seen, last)
        known.update(operands)
        known.update(sides)


def unused(
    steps: Sequence[Claim], values: Sequence[Sequence[Value]], tokens: Sequence[Token]
) -> Iterator[Span]:
    """Yield the steps whose result the text never comes back to, except for the last one.

    `values` are those of each step's sides.
    """
    later: set[Value] = set()
    end = len(tokens)
    for position in range(len(steps) - 1, -1, -1):
        step = steps[position]
        later.update(_numbers(tokens, step.right_span[1], end))
        end = step.right_span[1]
        results = {*values[position], *_numbers(tokens, *step.right_span)}
        if position == len(steps) - 1 or not later.isdisjoint(results):
            continue
        if not any(_is_restated(result, later) for result in results):
            yield step.left_span[0], step.right_span[1]


def _is_restated(value: Value, later: set[Value]) -> bool:
    """Whether a result is used as a percentage, or by the rest to a whole."""
    return not later.isdisjoint((value / Fraction(100), value * 100, 100 - value, 1 - value))


def _is_derived(value: Value, known: set[Value]) -> bool:
    """Whether a number comes with a known one: the rest to a whole or to 100 %, its percentage, its double."""
    if not known.isdisjoint((value + 1, value - 1, value / Fraction(2), value * 100, value / Fraction(100))):
        return True
    rests = (
        100 - value,
        value - 100,
        1 - value,
        100 * (1 - value),
        100 * (value - 1),
        (100 - value) / Fraction(100),
    )
    return not known.isdisjoint(rests) or (value != 0 and 1 / Fraction(value) in known)


def _numbers(tokens: Sequence[Token], start: int, end: int) -> Iterator[Value]:
    """Yield the numbers and the fractions among the tokens from `start` to `end`."""
    for position in range(start, end):
        token = tokens[position]
        if token.kind != "number":
            continue
        yield token.value
        under = tokens[position + 2] if position + 2 < end else None
        if under is not None and under.kind == "number" and under.value and tokens[position + 1].text == "/":
            fraction = Fraction(token.value) / under.value
            yield fraction
            before = tokens[position - 1]
            if before.kind == "number":
                yield before.value + fraction


@lru_cache(maxsize=64)
def _known(given: str) -> frozenset[Value]:
    """Numbers of a question; the candidates of a group share one."""
    known: set[Value] = set()
    for token in tokenise(_counting(without_markup(given))):
        if token.kind == "number":
            known.add(token.value)
        elif token.text.lower() in FRACTION_WORDS:
            known.add(FRACTION_WORDS[token.text.lower()])
    return frozenset(known)


def _counting(text: str) -> str:
    """Text with a semicolon in place of words that count nothing, as most words of a question do."""
    parts = [";"]
    for word in text.split():
        letters = word.strip(".,;:?!")
        if not letters.isalpha() or letters.lower() in _COUNTING:
            parts.append(word)
        elif parts[-1] != ";":
            parts.append(";")
    return " ".join(parts)


def _values(step: Claim) -> list[Value]:
    """Return the values of both sides, without sign, and what they round to."""
    values: list[Value] = []
    for node in (step.left, step.right):
        try:
            value = abs(evaluate(node))
        except (Undecided, ArithmeticError):
            continue
        if isinstance(value, int):
            values.append(value)
        elif isinstance(value, Fraction):
            values += [value, round(value), round(value, 2)]
    return values
