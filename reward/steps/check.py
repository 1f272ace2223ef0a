"""Checks the closed claims of a text."""

import re
from collections.abc import Sequence
from fractions import Fraction

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

_ROUNDING = re.compile(
    r"round|whole|nearest|remain|left ?over|leftover|integer|floor|ceil|approx|about", re.IGNORECASE
)
_LONG = 60
"""Length up to which a value is written in full."""
MAX_CHARS = 50_000
"""Longest text that is read; what follows is not checked."""


def check_steps(text: str, given: str, patterns: Sequence[StepPattern] = ENGLISH) -> StepReport:
    """Check every closed claim in `text`; numbers in `given`, the question, are known to the solver.

    Never raises on any text, and takes time linear in its length.
    """
    text = text[:MAX_CHARS]
    plain, notes = without_notes(text)
    tokens = tokenise(without_markup(plain))
    length = len(tokens)
    for start, note in notes:
        tokens.append(Token("break", "\n", start, start))
        tokens += tokenise(without_markup(note), start)
    items, spoken = read_phrases(read_items(tokens), tokens, patterns)
    checked, false = 0, []
    context = Context(bool(_ROUNDING.search(plain)))
    claims = [*find_claims(items, tokens), *spoken]
    for claim in claims:
        verdict = decide(claim, context)
        if verdict is None:
            continue
        checked += 1
        if verdict:
            _remember(claim, context.exact)
        else:
            false.append(_false_step(claim, text, tokens))
    stated = [claim for claim in claims if claim.right_span[1] <= length]
    broken = broken_steps(stated, [item for item in items if item.end <= length], tokens[:length], given)
    return StepReport(checked, tuple(false), tuple(_written(span, text, tokens) for span in broken))


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


def _false_step(claim: Claim, text: str, tokens: Sequence[Token]) -> FalseStep:
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
