"""Checks the closed claims of a text."""

from collections.abc import Sequence
from fractions import Fraction

from .claims import Claim, find_claims, first_operand
from .decide import holds
from .items import read_items
from .markup import without_markup, without_notes
from .nodes import Node, Number, Operation, Undecided, Value, evaluate, is_bare
from .patterns import ENGLISH, StepPattern
from .tokens import Token, tokenise
from .types import FalseStep, StepReport

MAX_CHARS = 100_000
"""Longest text that is read; what follows is not checked."""


def check_steps(text: str, given: str, patterns: Sequence[StepPattern] = ENGLISH) -> StepReport:
    """Check every closed claim in `text`; numbers in `given`, the question, are known to the solver.

    Never raises on any text, and takes time linear in its length.
    """
    text = text[:MAX_CHARS]
    plain, notes = without_notes(text)
    tokens = tokenise(without_markup(plain))
    for start, note in notes:
        tokens.append(Token("break", "\n", start, start))
        tokens += tokenise(without_markup(note), start)
    items = read_items(tokens)
    checked, false = 0, []
    exact: dict[Fraction | int, Value] = {}
    for claim in find_claims(items, tokens):
        verdict = decide(claim, exact)
        if verdict is None or (claim.is_doubtful and not verdict):
            continue
        checked += 1
        if verdict:
            _remember(claim, exact)
        else:
            false.append(_false_step(claim, text, tokens))
    return StepReport(checked, tuple(false), ())


def decide(claim: Claim, exact: dict[Fraction | int, Value]) -> bool | None:
    """Tell whether a claim holds; "3 + 4 = 7 - 2 = 5" states that 3 + 4 is 7, and goes on with it."""
    verdict = holds(claim.left, claim.relation, claim.right, exact)
    first = first_operand(claim.right)
    if verdict is False and first is not None and (claim.runs_on or _is_part(claim.right)):
        return holds(claim.left, claim.relation, first, exact)
    return verdict


def _is_part(node: Node) -> bool:
    """Whether a share is taken of something: "45/300 = 15% of $300"."""
    return isinstance(node, Operation) and node.sign == "of"


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
        " ".join(text[tokens[start].start : tokens[end - 1].end].split())
        for start, end in (claim.left_span, claim.right_span, (claim.left_span[0], claim.right_span[1]))
    ]
    is_reversed = is_bare(claim.left) and not is_bare(claim.right)
    value = evaluate(claim.right if is_reversed else claim.left)
    return FalseStep(spans[2], spans[0 if is_reversed else 1], written(value))


def written(value: Value) -> str:
    """Write a value: whole, as a short decimal, or as a fraction."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if value.denominator == 1:
        return str(value) if value.numerator.bit_length() < 200 else f"{float(value):.6g}"
    short = Fraction(round(value * 10**6), 10**6)
    return f"{float(value):.10g}" if short == value else str(value)
