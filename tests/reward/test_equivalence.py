from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward import Verdict
from reward.equivalence import compare
from reward.exact import decide, plain_number

EQUAL = [
    ("1/2", "0.5"),
    ("18", "18.0"),
    ("1,234", "1234"),
    ("$18", "18"),
    ("−3", "-3"),
    ("1 1/2", "1.5"),
    (r"1\frac{1}{2}", "3/2"),
    (r"\dfrac{3}{4}", "0.75"),
    (r"\text{Monday}", "monday"),
    ("(B)", "B"),
    (r"\frac{1}{2}", r"\frac{\sqrt{4}}{4}"),
    (r"\sqrt{8}", r"2\sqrt{2}"),
    ("x^2-1", "(x-1)(x+1)"),
    ("x = 5", "5"),
    (r"x \in [1, 2]", "[1,2]"),
    ("2,3", "3,2"),
    (r"50\%", "50"),
    (r"18\text{ cm}", "18"),
]
DIFFERENT = [
    ("1/2", "1/3"),
    ("0.33", "1/3"),
    (r"\frac{1}{2}", r"\frac{1}{3}"),
    ("18", "81"),
    ("B", "C"),
    ("Monday", "Mondya"),
    ("18", ""),
    ("18", "eighteen"),
    ("18", "18 or 19"),
    ("18", r"18 \text{ or } 19"),
    ("18", "{18, 19}"),
    ("18", "3 = 18"),
    ("18", "x = 17 = 18"),
    ("18", r"18 \approx 17"),
    ("18", "18_{9}"),
    ("18", "17 18"),
    ("18", r"5} \boxed{18"),
    ("18", "$5$ $18$"),
    ("(1,2)", "(2,1)"),
    ("x", "y"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_both_ways(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.EQUAL


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_both_ways(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.DIFFERENT


def test_what_has_no_value_is_undecided() -> None:
    assert compare("5", "5/0") is compare("5/0", "5") is Verdict.UNDECIDED


def test_only_simple_pairs_are_decided_without_the_parser() -> None:
    assert decide("1/2", "0.5") is Verdict.EQUAL
    assert decide("1/2", "1/3") is Verdict.DIFFERENT
    assert decide(r"\sqrt{4}", "2") is None
    assert decide("2", "9**9**9**9") is None


def test_plain_number_reads_numbers_and_nothing_else() -> None:
    assert plain_number("-1,234.50") == Fraction("-1234.5")
    assert plain_number("-1 1/2") == Fraction(-3, 2)
    assert plain_number(".5") == Fraction(1, 2)
    for text in ("12,34", "1e5", "1/0", "٣", "1_000", "5!", "--5", "", "."):
        assert plain_number(text) is None


fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=50)


def written(value: Fraction) -> st.SearchStrategy[str]:
    over, under = value.numerator, value.denominator
    sign = "-" if over < 0 else ""
    forms = [f"{over}/{under}", f"{sign}\\frac{{{abs(over)}}}{{{under}}}", f"${over}/{under}$"]
    if under == 1:
        forms += [str(over), f"{over:,}", f"{over}.0", f"{over}."]
    return st.sampled_from(forms)


@given(st.data(), fractions, fractions)
def test_numbers_are_equal_iff_their_values_are(data: st.DataObject, left: Fraction, right: Fraction) -> None:
    pair = data.draw(written(left)), data.draw(written(right))
    expected = Verdict.EQUAL if left == right else Verdict.DIFFERENT
    assert decide(*pair) is decide(*reversed(pair)) is expected
    assert decide(pair[0], data.draw(written(left))) is Verdict.EQUAL


@given(st.text(max_size=60), st.text(max_size=60))
def test_decide_is_reflexive_and_symmetric_on_any_text(left: str, right: str) -> None:
    assert decide(left, right) is decide(right, left)
    assert decide(left, left) in (Verdict.EQUAL, Verdict.DIFFERENT)


@settings(max_examples=30, deadline=None)
@given(fractions, fractions)
def test_parsed_sums_agree_with_exact_arithmetic(left: Fraction, right: Fraction) -> None:
    text = f"({left.numerator}/{left.denominator}) + ({right.numerator}/{right.denominator})"
    total = left + right
    assert compare(f"{total.numerator}/{total.denominator}", text) is Verdict.EQUAL
    assert compare(text, f"{total.numerator + total.denominator}/{total.denominator}") is Verdict.DIFFERENT
