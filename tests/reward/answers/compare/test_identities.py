"""Statements that always hold say nothing: none is taken for an equation, an inequality or a system."""

import pytest

from reward.answers.compare.equivalence import compare
from reward.answers.compare.numeric import TooFewPoints, factor, identical
from reward.answers.math.expression import read_expression
from reward.types import Verdict

IDENTITIES = [
    r"\sin^2x+\cos^2x=1",
    r"e^{\ln x}=x",
    r"(x-1)^2=x^2-2x+1",
    "x+y=y+x",
    "0=0",
    "x=x",
    r"|x|^2=x^2",
    r"\lfloor x\rfloor+1=\lfloor x+1\rfloor",
    r"\ln(xy)=\ln x+\ln y",
    r"2^{x+1}=2\cdot 2^x",
    r"\sqrt{x^2}=|x|",
    r"10^{30}(\sin^2x+\cos^2x-1)=0",
    r"10^{-30}(\sin^2x+\cos^2x-1)=0",
    r"(\sin^2x+\cos^2x-1)^5=0",
    r"(\sin^2x+\cos^2x-1)y=0",
    r"0\cdot x=0",
    r"\tan x\cos x=\sin x",
    r"\cosh^2x-\sinh^2x=1",
    r"\arcsin x+\arccos x=\frac{\pi}{2}",
    r"\sqrt{3+2\sqrt2}=1+\sqrt2",
    r"x\ge x-1",
    r"x^2\ge0",
    "0<1",
    r"e^x>0",
]
STATEMENTS = [
    "x=5",
    "n=12",
    "y=2x+1",
    r"y=\sqrt{2x+4}",
    r"y=\ln x",
    "x^2+y^2=4",
    "f(x)=2x+1",
    r"\theta=\frac{\pi}{4}",
    "|x|=3",
    "x>5",
    "x^2<4",
    r"x\ne 3",
    "-1<x<2",
    r"x\in(0,1)",
    "x=1,y=2",
    "x+y=3, x-y=1",
    "x=1 \\text{ or } x=2",
    r"\frac{dy}{dx}=2x",
    r"x+\sqrt2=y",
    "(1,2)",
    "7",
    r"\lfloor x\rfloor=3",
]


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_identity_equals_no_statement(identity: str, statement: str) -> None:
    assert compare(statement, identity) is not Verdict.EQUAL
    assert compare(statement, f"{identity}, {identity}") is not Verdict.EQUAL


@pytest.mark.parametrize(
    ("gold", "answer", "verdict"),
    [
        (r"\cos 2x=2\cos^2x-1", r"\cos 2x=1-2\sin^2x", Verdict.EQUAL),
        (r"\sin 2x=2\sin x\cos x", r"2\sin x\cos x=\sin 2x", Verdict.EQUAL),
        (r"\sin 2x=2\sin x\cos x", r"\sin^2x+\cos^2x=1", Verdict.DIFFERENT),
        (r"\sin 2x=2\sin x\cos x", r"\sin 2x=\sin 2x", Verdict.DIFFERENT),
        (r"(a+b)^2=a^2+2ab+b^2", "a+b=b+a", Verdict.DIFFERENT),
    ],
)
def test_two_identities_are_equal_if_their_sides_are(gold: str, answer: str, verdict: Verdict) -> None:
    assert compare(gold, answer) is compare(answer, gold) is verdict


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("x=5", "10^{-12}x=5*10^{-12}"),
        ("x=0", "10^{-12}x=0"),
        (r"y=x\sqrt2", r"\frac{y}{\sqrt2}=x"),
        (r"\sin x=\cos x", r"10^{-40}\sin x=10^{-40}\cos x"),
        (r"|x|=x", r"2|x|=2x"),
        (r"\arcsin(x+c)=y", r"2y=2\arcsin(c+x)"),
        (r"\ln(\ln x)=y", r"y-\ln(\ln x)=0"),
        (r"x+\sqrt2<y", r"2x+\sqrt8<2y"),
        (r"\lfloor\log_2 8\rfloor", "3"),
    ],
)
def test_scaled_equations_stay_equal(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.EQUAL


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"y=\arcsin(x+c)", "x+y+z=1"),
        (r"y=x\sin^{-1}(\ln|x|+c)", r"y=y_{1}+c(x-x_{1})"),
        (r"y=\arccos(x^2)", "y=x"),
        ("1000-x", "|x-1000|"),
        (r"1000-x", r"\sqrt{(x-1000)^2}"),
        ("0", r"\lfloor\frac{|x|}{1000}\rfloor"),
        ("e^{-1000}", "e^{-2000}"),
        ("5", "5+e^{-1000}"),
        ("x=5", "x=5+e^{-1000}"),
        (r"x+\sin x", r"x+\sin x+e^{-1000}"),
        (r"\sqrt{10^{200}+1}", "10^{100}"),
        ("|x|=x", "|x-1|=x-1"),
        (r"|f(x)|", "f(x)"),
    ],
)
def test_near_identities_are_told_apart(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\sqrt{-1-x^2}", "-5"),
        (r"\arcsin(x^2+2)", "x"),
        (r"\ln(-x^2)", r"\ln(-x^4)"),
        (r"\frac{1}{x-x}", r"\frac{2}{x-x}"),
        (r"\ln(\ln(\ln x))+\ln(-x)", "x"),
    ],
)
def test_expressions_without_a_common_domain_are_undecided(left: str, right: str) -> None:
    sides = read_expression(left), read_expression(right)
    assert identical(*sides, None) is None
    with pytest.raises(TooFewPoints):
        factor(*sides)
    assert compare(left, right) is compare(f"y={left}", f"y={right}") is Verdict.UNDECIDED


def test_values_that_are_too_large_everywhere_are_undecided() -> None:
    assert compare("9^{9^{9^{|x|+2}}}=y", "9^{9^{8^{|x|+2}}}=y") is Verdict.UNDECIDED
    assert compare(r"e^{e^{e^{100}}}", r"e^{e^{e^{101}}}") is Verdict.UNDECIDED
