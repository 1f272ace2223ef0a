"""Layout of answers: environments, infix fractions, and letters of multiple choice."""

import pytest

from reward.answers.compare.equivalence import compare
from reward.answers.formats.lettered import without_letters
from reward.answers.math.layout import flatten
from reward.answers.math.normalise import normalise
from reward.types import Verdict


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        (r"\begin{aligned}x&=5\end{aligned}", "x =5"),
        (r"\begin{align*}x&=1\\[2pt]y&=2\end{align*}", "x =1, y =2"),
        (r"\begin{aligned}x&=2+3\\&=5\end{aligned}", "x =2+3 =5"),
        (r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right.", "x=1, y=2"),
        (r"\left\{\begin{aligned}x&=1,\\y&=2\end{aligned}\right.", "x =1, y =2"),
        (r"\begin{aligned}x", r"\begin{aligned}x"),
        (r"\left\{\begin{array}{l}1\end{array}\right)", r"\left\{\begin{array}{l}1\end{array}\right)"),
        (r"{1\over2}", r"\frac{1}{2}"),
        (r"1\over 2", r"\frac{1}{ 2}"),
        (r"a{b\over{c\over d}}", r"a\frac{b}{\frac{c}{ d}}"),
        (r"{n\choose k}", r"\binom{n}{ k}"),
        (r"{a\over b\over c}", r"{a\over b\over c}"),
        (r"}a\over b{", r"}a\over b{"),
        (r"\overline{AB}", r"\overline{AB}"),
        (r"\root 3\of{2}", r"\sqrt[3]{2}"),
    ],
)
def test_flatten(text: str, flat: str) -> None:
    assert flatten(text).strip() == flat


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        (r"\textcolor{red}{5}", "{5}"),
        (r"\color{blue}5", "5"),
        (r"\underline{5}", "{5}"),
        (r"\Large 5", "5"),
        (r"\mathbf 5", "5"),
        (r"\texttt{5}", "5"),
        (r"\text{The answer is }5", "5"),
        (r"\text{Answer: }5", "5"),
        (r"\text{There are 12 apples}", "12 apples"),
        (r"12\text{ (apples)}", "12 apples"),
        (r"5\text{ (exactly)}", "5"),
        ("5 (mod 7)", r"5 \mod 7"),
        ("3 (x)", "3 (x)"),
        ("The answer is", "The answer is"),
        ("Rs. 12", "₹12"),
        ("5∶3", "5:3"),
        (r"\overrightarrow{AB}", r"\vec{AB}"),
    ],
)
def test_style_and_words_around_an_answer_go(text: str, normalised: str) -> None:
    assert normalise(text) == normalised


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("x=1, y=2", r"\begin{aligned}x&=1\\y&=2\end{aligned}"),
        ("x=1, y=2", r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right."),
        ("10", r"{5 \choose 2}"),
        (r"\frac12", r"{1\over2}"),
        (r"\sqrt[3]{2}", r"\root 3\of 2"),
    ],
)
def test_layout_does_not_change_the_value(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.EQUAL


LETTERED = [
    r"\text{(C) }12",
    r"\text{(C)}\ 12",
    r"\textbf{(C)}\ 12",
    r"\textbf{(C) 12}",
    r"\text{C. }12",
    r"\textbf{C} 12",
    "(C) 12",
    "C) 12",
]


@pytest.mark.parametrize("text", LETTERED)
def test_a_letter_before_a_value_is_split_off(text: str) -> None:
    assert without_letters("7", text) == ("7", "12")
    assert without_letters(text, "12") == ("12", "12")
    assert without_letters(text, "(C) 13") == ("12", "13")
    assert without_letters(text, r"\text{(B) }12") is Verdict.DIFFERENT
    assert without_letters(text, "C") is without_letters(r"\text{(C)}", text) is Verdict.EQUAL
    assert without_letters("B", text) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    "text",
    [
        "C",
        "(C)",
        "(A)(B)",
        "(A) + 5",
        "(A) - 5",
        r"(A) \cdot 5",
        "C 12",
        "12C",
        "(K) 12",
        "(c) 12",
        "E. coli",
        "A. B. Smith",
        r"\mathbf{A}\mathbf{B}",
        "(A) and (C)",
        r"(C)\text{ or }(A)",
        r"(C) \text{ or } A",
        "(C) is wrong",
    ],
)
def test_values_without_a_letter_are_left_alone(text: str) -> None:
    assert without_letters(text, "C") == (text, "C")
