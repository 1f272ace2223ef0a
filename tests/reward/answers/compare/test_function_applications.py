"""A function at a number is not a product, and a factor before brackets is not a function."""

import pytest

from reward.answers.compare.equivalence import compare
from reward.types import Verdict


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("P(t)=P(0)e^{kt}", "P(t)=P(0)e^{-kt}"),
        ("P(t)=P(0)e^{kt}", "P(t)=0"),
        ("P(t)=P(0)e^{kt}", "P(t)=2P(0)e^{kt}"),
        ("P(0)e^{kt}", "0"),
        (r"x(t)=x(0)\cos\omega t", r"x(t)=x(0)\sin\omega t"),
        ("P(1)-P(0)", "P(1)"),
        ("P(1)-P(0)", "P"),
        ("h(2)", "2h"),
        ("h(-1)", "-h"),
        ("h(1.5)", "1.5h"),
        ("y(0)=1", "0=1"),
        ("y(0)=1", "y(1)=1"),
        ("y(0)+y(1)", "y"),
        (r"\zeta(2)", r"2\zeta"),
        (r"\zeta(2)", r"\zeta(3)"),
        (r"\Gamma(5)", "120"),
        (r"\Gamma(x+1)", r"x\Gamma+\Gamma"),
        (r"\Gamma(\frac12)", r"\frac{\Gamma}{2}"),
        ("f(3)", "3f"),
        ("f^{-1}(2)", r"\frac{2}{f}"),
        ("h^{-1}(2)", r"\frac{2}{h}"),
        ("f'(0)", "0"),
        ("y'(0)x", "0"),
        ("y''(1)", "y''"),
        ("P_1(0)", "0"),
        ("u(x,0)e^{-t}", "0"),
        ("u(x,0)e^{-t}", "u(0,x)e^{-t}"),
        ("T(n)=2T(n/2)+n", "T(n)=Tn+n"),
        (r"a(n)=a(n-1)+2", "a(n)=an-a+2"),
        ("2P(t)", "2Pt"),
        ("a(5)-a(4)", "a"),
        (r"y(\pi)", r"\pi y"),
        (r"\frac{dy}{dx}=y(x+1)", r"\frac{dy}{dx}=yx+y"),
        ("P'(t)=kP(t)", "P'(t)=kPt"),
        ("|P(0)|", "P(0)"),
        (r"\sqrt{P(0)^2}", "P(0)"),
        (r"\ln P(0)", "0"),
        ("P(0)^t", "0"),
        ("y(2)^2", "4y"),
        ("y(2)^{2}", "4y"),
    ],
)
def test_function_at_a_value_is_no_product(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("P(t)=P(0)e^{kt}", "P(t)=e^{kt}P(0)"),
        ("P(t)=P(0)e^{kt}", "P(0)e^{kt}"),
        ("P(1)-P(0)", "-P(0)+P(1)"),
        ("y(0)=1", "1=y(0)"),
        ("2y(0)=2x", "y(0)=x"),
        ("2P(0)=P(1)", r"P(0)=\frac{P(1)}{2}"),
        (r"\Gamma(5)", "24"),
        (r"\Gamma(\frac{1}{2})", r"\sqrt{\pi}"),
        (r"\Gamma(n+1)", r"n\Gamma(n)"),
        (r"\zeta(2)", r"\frac{\pi^2}{6}"),
        ("f'(0)+1", "1+f'(0)"),
        ("u(x,0)e^{-t}", "e^{-t}u(x,0)"),
        (r"x(t)=x(0)\cos\omega t", r"x(t)=\cos(\omega t)x(0)"),
        ("f(x)=2x+1", "f(t)=2t+1"),
        ("h(t)=-16t^2+5", "-16t^2+5"),
        # Products.
        ("a(b+c)", "ab+ac"),
        ("x(x+1)", "x^2+x"),
        ("2(3)", "6"),
        (r"P(1+r)^t", r"(1+r)^tP"),
        (r"P(1+\frac{r}{n})^{nt}", r"P(\frac{r}{n}+1)^{tn}"),
        ("A=P(1+rt)", "A=P+Prt"),
        (r"a(\sqrt2-1)", r"a\sqrt2-a"),
        (r"\frac{h(a+b)}{2}", r"\frac12(a+b)h"),
        (r"V(1-\frac{1}{e})", r"V-\frac{V}{e}"),
        (r"x(y)", "xy"),
        (r"\lambda(1-x)", r"\lambda-\lambda x"),
        (r"2\pi(3)", r"6\pi"),
        (r"e(2)", r"2e"),
        (r"n(n+1)(2)", "2n^2+2n"),
        (r"C(1-e^{-2})", r"C-Ce^{-2}"),
        (r"2x(x-3)=0", "x^2=3x"),
        ("P(0.9)^t", "0.9^tP"),
        ("y=a(2)^x", r"y=a\cdot 2^x"),
        ("A(t)=A_0(1.5)^t", r"A_0\cdot1.5^t"),
        ("a(2)^{3t}", "8^ta"),
        (r"N(0.5)^{t/8}", r"N\cdot(\frac12)^{t/8}"),
        ("P(1.05)^{10}", r"1.05^{10}P"),
    ],
)
def test_factors_before_brackets_multiply(gold: str, answer: str) -> None:
    assert compare(gold, answer) is compare(answer, gold) is Verdict.EQUAL
