import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.answers.compare.exact import decide
from reward.answers.compare.rounding import is_rounding
from reward.answers.math.normalise import normalise
from reward.answers.math.numbers import read_number
from reward.answers.math.structure import read_form
from reward.answers.math.units import conversion, read_unit
from reward.types import Verdict


def test_pairs_that_need_real_numbers_or_a_parser_are_left_open() -> None:
    assert decide(r"\sqrt{2}", "2") is None
    assert decide(r"\int_0^1 x dx", "1/2") is None
    assert decide(r"\sqrt{4}", "2") is Verdict.EQUAL
    assert decide("(x-1)(x+1)", "x^2-1") is Verdict.EQUAL


@pytest.mark.parametrize(
    "hostile",
    [
        "9^{9^{9^{9}}}",
        "9**9**9**9",
        "100000!",
        "1e999999999",
        r"\binom{10^9}{10^8}",
        "(" * 3000,
        "2^" * 1500 + "2",
    ],
)
def test_giants_are_refused_at_once(hostile: str) -> None:
    started = time.process_time()
    assert decide("2", hostile) is not Verdict.EQUAL
    assert time.process_time() - started < 5


def test_long_answers_are_equal_to_themselves_only() -> None:
    assert decide("9" * 9000, "9" * 9000) is Verdict.EQUAL
    assert decide("9" * 9000, "9" * 8999 + "8") is Verdict.UNDECIDED
    assert decide("x" * 9000, " $" + "x" * 9000 + "$.") is Verdict.EQUAL


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1,234.50", Fraction("-1234.5")),
        ("-1 1/2", Fraction(-3, 2)),
        (".5", Fraction(1, 2)),
        ("1 234 567", Fraction(1234567)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("2 hundred", Fraction(200)),
        ("one hundred and five", Fraction(105)),
        ("two million three hundred", Fraction(2000300)),
        ("a dozen", Fraction(12)),
    ],
)
def test_numbers(text: str, value: Fraction) -> None:
    number = read_number(text)
    assert number is not None
    assert number.value == value


@pytest.mark.parametrize(
    "text", ["12,34", "1,2345", "1_000", "5!", "--5", "", ".", "a", "twenty and five", "1 23", "x"]
)
def test_no_numbers(text: str) -> None:
    assert read_number(text) is None


def test_digits_and_scripts_of_unicode() -> None:
    assert normalise("٣x²") == "3x^{2}"
    assert normalise("5²") != "52"
    assert normalise("1½") == r"1\frac{1}{2}"
    assert normalise("x₁ ≤ ∞") == normalise(r"x_{1} \leq \infty")


@pytest.mark.parametrize(
    ("left", "right", "rate"),
    [
        ("hour", "minutes", Fraction(60)),
        ("km/h", "m/s", Fraction(5, 18)),
        ("sq ft", "square feet", Fraction(1)),
        ("dollars", "cents", Fraction(100)),
        ("cm^3", "mL", Fraction(1)),
        ("kg", "m", None),
        ("apples", "oranges", None),
        ("apple", "apples", Fraction(1)),
    ],
)
def test_units(left: str, right: str, rate: Fraction | None) -> None:
    one, other = read_unit(left), read_unit(right)
    assert one is not None
    assert other is not None
    assert conversion(one, other) == rate


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
    assert decide(pair[0], pair[1]) is decide(pair[1], pair[0]) is expected
    assert decide(pair[0], data.draw(written(left))) is Verdict.EQUAL


FRAGMENTS = (
    r"\frac \sqrt { } ( ) [ ] ^ _ + - * / = < , ; ! | : 1 12 0.5 x e \pi \infty \cup \in \{ \} & or and cm "
    r"% ° \pm \log ² ½ √ \boxed{ $"
)
PIECES = FRAGMENTS.split()


@given(st.lists(st.sampled_from(PIECES), max_size=10), st.lists(st.sampled_from(PIECES), max_size=10))
def test_decide_never_raises_and_is_symmetric_on_fragments(left: list[str], right: list[str]) -> None:
    pair = " ".join(left), "".join(right)
    assert decide(pair[0], pair[1]) is decide(pair[1], pair[0])
    assert decide(pair[0], pair[0]) is Verdict.EQUAL


@given(st.text(max_size=60), st.text(max_size=60))
def test_decide_is_reflexive_and_symmetric_on_any_text(left: str, right: str) -> None:
    assert decide(left, right) is decide(right, left)
    assert decide(left, left) is Verdict.EQUAL


def test_a_rounding_is_right_at_its_own_precision() -> None:
    assert is_rounding("2.236", r"\sqrt{5}")
    assert is_rounding("2.33", r"\frac{7}{3}")
    assert not is_rounding("2.237", r"\sqrt{5}")
    assert not is_rounding("17", "18")
    assert not is_rounding("1.5e4000", "2")


def test_unions_and_overlaps_have_one_form() -> None:
    assert read_form(r"[2,3)\cup[3,5]") == read_form("[2,5]")
    assert read_form(r"(-\infty,3)\cup(3,\infty)") == read_form(r"\mathbb{R}\setminus\{3\}")
    assert read_form(r"(0,\sqrt{2})\cup(\sqrt{2},3)") != read_form("(0,3)")


@pytest.mark.parametrize("domain", [r"\mathbb{Z}", r"\mathbb{N}", "A", r"\mathbb{Q}", "(0,5)"])
def test_a_domain_counts(domain: str) -> None:
    assert decide(rf"\{{x\in {domain}: x>1\}}", r"\{x: x>1\}") is not Verdict.EQUAL
    assert decide(rf"\{{x\in {domain}: x>1\}}", rf"\{{y\in {domain} \mid 1<y\}}") is Verdict.EQUAL
