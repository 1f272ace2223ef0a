"""`pairs/*.txt` hold hand-checked pairs, one a line, with " ~ " between gold and answer."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward.answers.compare.equivalence import compare
from reward.answers.compare.exact import decide
from reward.answers.compare.numeric import factor, identical
from reward.answers.math.expression import read_expression
from reward.types import Verdict

PAIRS = [
    (Verdict(file.stem), *line.split(" ~ "))
    for file in sorted((Path(__file__).parent / "pairs").glob("*.txt"))
    for line in file.read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("verdict", "gold", "answer"), PAIRS)
def test_pairs_both_ways(verdict: Verdict, gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is verdict
    assert compare(gold, gold) is compare(answer, answer) is Verdict.EQUAL


def test_most_pairs_need_no_parser() -> None:
    decided = [decide(gold, answer) for _, gold, answer in PAIRS]
    assert sum(verdict is not None for verdict in decided) > 0.8 * len(PAIRS)


def test_tolerance_applies_unless_a_decimal_meets_a_fraction() -> None:
    assert compare(r"\sqrt{2}", "1.414", 1e-3) is Verdict.EQUAL
    assert compare(r"\sqrt{2}", "1.414", 1e-6) is Verdict.DIFFERENT
    assert compare("1/3", "0.333", 0.5) is Verdict.DIFFERENT
    assert compare("1/3", "0.33333333", 0.0) is Verdict.DIFFERENT


def test_identity_is_found_out_of_reach_of_floating_point() -> None:
    near = read_expression(r"\sqrt{10^{60}+1}")
    assert identical(near, read_expression("10^{30}"), None) is False
    assert identical(read_expression(r"\sqrt{x}\sqrt{y}"), read_expression(r"\sqrt{xy}"), None) is True
    assert identical(read_expression("1/(x-x)"), read_expression("1"), None) is None


def test_factor_of_two_equations() -> None:
    assert factor(read_expression(r"2\sin x"), read_expression(r"-\sin x")) == pytest.approx(-2)
    assert factor(read_expression(r"\sin x"), read_expression(r"\cos x")) is None
    assert factor(read_expression("0"), read_expression(r"\cos x")) is None


def test_powers_and_factorials_differ_before_they_are_too_large() -> None:
    assert identical(read_expression("4^n"), read_expression("2^{n^2}"), None) is False
    assert identical(read_expression("(n!)^2"), read_expression("n^2!"), None) is False
    assert identical(read_expression("x n!"), read_expression("|x| n!"), None) is False


fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=50)


@settings(max_examples=100, deadline=None)
@given(fractions, fractions)
def test_sums_agree_with_exact_arithmetic(left: Fraction, right: Fraction) -> None:
    text = f"({left.numerator}/{left.denominator}) + ({right.numerator}/{right.denominator})"
    total = left + right
    assert compare(f"{total.numerator}/{total.denominator}", text) is Verdict.EQUAL
    assert compare(text, f"{total.numerator + total.denominator}/{total.denominator}") is Verdict.DIFFERENT


ATOMS = ["x", "y", "2", "0.5", r"\pi", "e", "(x+1)"]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0:
        return draw(st.sampled_from(ATOMS))
    inner = expressions(depth - 1)
    form = draw(
        st.sampled_from(
            ["{} + {}", "{} - {}", r"{} \cdot {}", r"\frac{{{}}}{{{}}}", r"\sqrt{{{0}}}", "{0}^{{2}}"]
        )
    )
    return "(" + form.format(draw(inner), draw(inner)) + ")"


@settings(max_examples=60, deadline=None)
@given(expressions())
def test_expressions_equal_their_rearrangements(text: str) -> None:
    equal_or_undecided = (Verdict.EQUAL, Verdict.UNDECIDED)
    assert compare(text, f"-(-{text})") in equal_or_undecided
    assert compare(f"2 {text}", f"{text} + {text}") in equal_or_undecided
    assert compare(f"{text} + x^{{2}} y + 7", text) is not Verdict.EQUAL
