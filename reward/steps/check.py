"""Checks the closed claims of a text."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from .broken import broken_steps
from .claims import Claim, find_claims
from .decide import Context, holds
from .items import read_items
from .markup import without_markup, without_notes
from .nodes import Node, Number, Undecided, Value, evaluate, is_bare
from .patterns import ENGLISH, StepPattern
from .phrases import read_phrases
from .tokens import Token, tokenise
from .types import FalseStep, StepReport

_ROUNDING = (
    "round",
    "whole",
    "nearest",
    "remain",
    "leftover",
    "left over",
    "integer",
    "floor",
    "ceil",
    "approx",
    "about",
)
"""Words of a text that speaks of rounding."""
_LONG = 60
"""Length up to which a value is written in full."""
_UNSIGNED = str.maketrans("×÷", "*/", " $,")
"""Characters in which a calculator note differs from the signs of the equation that it stands in."""
_SIGNS = frozenset(("number", "operator", "relation", "open", "close"))
MAX_CHARS = 50_000
"""Longest text that is read; what follows is not checked."""


class _Step(NamedTuple):
    """Claim that holds or not, of `tokens`."""

    claim: Claim
    tokens: Sequence[Token]
    holds: bool

    def chars(self) -> tuple[int, int]:
        """Position of the claim in the text, and the position after it."""
        first, last = self.claim.span or (self.claim.left_span[0], self.claim.right_span[1])
        return self.tokens[first].start, self.tokens[last - 1].end

    def signs(self) -> str:
        """Numbers and signs of the claim, without its units."""
        tokens = self.tokens[self.claim.left_span[0] : self.claim.right_span[1]]
        return "".join(token.text for token in tokens if token.kind in _SIGNS).translate(_UNSIGNED)


def check_steps(text: str, given: str, patterns: Sequence[StepPattern] = ENGLISH) -> StepReport:
    """Check every closed claim in `text`; numbers in `given`, the question, are known to the solver.

    Never raises on any text, and takes time linear in its length.
    """
    text = text[:MAX_CHARS]
    plain, notes = without_notes(text)
    tokens = tokenise(without_markup(plain))
    items, spoken = read_phrases(read_items(tokens), tokens, patterns)
    written = list(find_claims(items, tokens))
    claims = [*written, *spoken]
    lower = plain.lower()
    context = Context(any(word in lower for word in _ROUNDING))
    steps = list(_decided(claims, tokens, context))
    steps += _noted(notes, steps, context)
    false = tuple(_false_step(step, text) for step in steps if not step.holds)
    broken = broken_steps(claims, items, tokens, given)
    return StepReport(
        len(steps),
        false,
        tuple(_written(span, text, tokens) for span in broken),
        tuple(_written(span, text, tokens) for span in _open(written, context)),
    )


def _open(claims: Iterable[Claim], context: Context) -> Iterator[tuple[int, int]]:
    """Yield the spans of the equations that no reading decides, and that state nothing else."""
    for claim in claims:
        if claim.relation in "=≈" and not claim.is_doubtful and decide(claim, context) is None:
            yield claim.span or (claim.left_span[0], claim.right_span[1])


def _decided(claims: Iterable[Claim], tokens: Sequence[Token], context: Context) -> Iterator[_Step]:
    """Yield the claims that can be decided, in order."""
    for claim in claims:
        verdict = decide(claim, context)
        if verdict:
            _remember(claim, context.exact)
        if verdict is not None:
            yield _Step(claim, tokens, verdict)


def _noted(notes: Sequence[tuple[int, str]], steps: Sequence[_Step], context: Context) -> list[_Step]:
    """Claims of calculator notes, without the notes that repeat a claim of `steps` that they stand in."""
    starts = [start for start, _ in notes]
    around: dict[int, list[_Step]] = {start: [] for start in starts}
    for step in steps:
        first, end = step.chars()
        for start in starts[bisect_left(starts, first) : bisect_left(starts, end)]:
            around[start].append(step)
    found = []
    for start, note in notes:
        outer, signs = around[start], note.translate(_UNSIGNED)
        if any(step.signs() == signs for step in outer):
            continue
        tokens = tokenise(without_markup(note), start)
        verdicts = {step.holds for step in outer}
        inner = _decided(find_claims(read_items(tokens), tokens), tokens, context)
        found += [step for step in inner if step.holds not in verdicts]
    return found


def decide(claim: Claim, context: Context) -> bool | None:
    """Tell whether a claim holds between any pair of sides that the text may mean; None if that is undecided."""
    pairs = ((claim.left, claim.right), *claim.others)
    verdicts = []
    for left, right in pairs:
        try:
            verdicts.append(holds(left, claim.relation, right, context, claim.words))
        except ArithmeticError:
            # A value too large for floating point.
            verdicts.append(None)
        if verdicts[0] is not False or verdicts[-1]:
            break
    if any(verdicts):
        return True
    return None if claim.is_doubtful else verdicts[0]


def _remember(claim: Claim, exact: dict[Fraction | int, Value]) -> None:
    """Note the exact value of a decimal that a claim has rounded."""
    if isinstance(claim.right, Number) and claim.right.places and claim.relation in "=≈":
        try:
            value = evaluate(claim.left)
        except (Undecided, ArithmeticError):
            return
        if value != claim.right.value:
            exact[claim.right.value] = value


def _false_step(step: _Step, text: str) -> FalseStep:
    claim, tokens = step.claim, step.tokens
    spans = [
        _written(span, text, tokens)
        for span in (
            claim.left_span,
            claim.right_span,
            claim.span or (claim.left_span[0], claim.right_span[1]),
        )
    ]
    is_reversed = is_bare(claim.left) and not is_bare(claim.right) and claim.span is None
    return FalseStep(
        spans[2], spans[0 if is_reversed else 1], _value(claim.right if is_reversed else claim.left)
    )


def _written(span: tuple[int, int], text: str, tokens: Sequence[Token]) -> str:
    """Words of the text between two tokens, with single blanks."""
    start, end = span
    return " ".join(text[tokens[start].start : tokens[end - 1].end].split())


def _value(node: Node) -> str:
    """Write the value of a side: whole, as a short decimal, or as a fraction."""
    try:
        value = evaluate(node)
    except (Undecided, ArithmeticError):
        return "undefined"
    if isinstance(value, float):
        return f"{value:.6g}"
    if value.denominator == 1:
        digits = str(value)
        return digits if len(digits) < _LONG else f"{digits[0]}.{digits[1:6]}e+{len(digits) - 1}"
    short = Fraction(round(value * 10**6), 10**6)
    return f"{float(value):.10g}" if short == value and abs(value) < 10**_LONG else str(value)[:_LONG]
