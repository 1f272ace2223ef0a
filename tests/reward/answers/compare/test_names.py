"""Names of alternatives are compared if they tell the alternatives apart."""

import pytest

from reward.answers.compare.equivalence import compare
from reward.types import Verdict


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\cos(\pi)=-1, \sin(\pi)=0", r"\cos(\frac{3\pi}{2})=0, \sin(\frac{3\pi}{2})=-1"),
        (r"\cos\pi=-1, \sin\pi=0", r"\sin\pi=-1, \cos\pi=0"),
        (r"\log_2 8=3", r"\log_3 27=3"),
        (r"x=-1 \text{ or } x=1", r"y=-1 \text{ or } x=1"),
        (r"x=0, x=\pm 2\sqrt2", r"x=0, y=\pm 2\sqrt2"),
        ("x=1, x=2", "y=1, x=2"),
        ("C_{1}=1, C_{2}=2, C_{3}=3", "C_{1}=2, C_{3}=1, C_{3}=3"),
        ("x=1, y=2", "x=2, y=1"),
        ("x=1, y=2", "(x=2, y=1)"),
        ("x=1, y=2", "(y=1, x=2)"),
        ("x_1=1, x_2=2", "x_1=2, x_1=1, x_2=2"),
        ("x=0, y=1, y=2", "y=0, x=1, x=2"),
        (r"x=0 \text{ or } y=1", r"y=0 \text{ or } x=1"),
        (r"x=0 \text{ or } y=1", "0, 1"),
        (r"\{1, 2\}", r"x=1 \text{ or } y=2"),
        ("f(1)=2, f(2)=3", "f(1)=3, f(2)=2"),
        ("a=1, b=2, c=3", "a=1, b=2, d=3"),
        (r"\alpha=30°, \beta=60°", r"\alpha=60°, \beta=30°"),
        (r"x>1 \text{ or } x<0", r"y>1 \text{ or } x<0"),
    ],
)
def test_swapped_or_other_names_are_told_apart(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\cos(\pi)=-1, \sin(\pi)=0", r"\sin\pi=0, \cos\pi=-1"),
        (r"\log_2 8=3", "3"),
        (r"x=-1 \text{ or } x=1", "x=1, x=-1"),
        (r"x=-1 \text{ or } x=1", r"\pm1"),
        (r"x=0, x=\pm 2\sqrt2", r"0, 2\sqrt2, -2\sqrt2"),
        (r"x=0, y=\pm 2\sqrt2", r"y=\pm 2\sqrt2, x=0"),
        ("x_1=1, x_2=2", "1, 2"),
        ("x=1, y=2", "(1, 2)"),
        ("x=1, y=2", "y=2, x=1"),
        ("C_{1}=1, C_{2}=2", "C_2=2, C_1=1"),
        (r"\frac12+\frac13=\frac56", r"\frac13+\frac12=\frac56"),
        (r"\{x=1\}", "x=1"),
    ],
)
def test_names_that_agree_or_tell_nothing_are_no_difference(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.EQUAL
