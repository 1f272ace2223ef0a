"""Names and notations that do not tell two answers apart, and neighbours that must stay apart."""

import pytest

from reward.answers.compare.align import align
from reward.answers.compare.equivalence import compare
from reward.answers.math.normalise import normalise
from reward.types import Verdict

EQUAL = r"""
17 \bmod 5 ~ 2
17 mod 5 ~ 2
2^{10} \bmod 7 ~ 2
2^{100} \bmod 7 ~ 2
x\equiv2\pmod5 ~ x\equiv7\pmod5
x\equiv2\pmod5 ~ 2\pmod5
n\equiv 1,3\pmod 4 ~ n\equiv 3,1 \pmod 4
n\equiv 1 \pmod 4 \text{ or } n\equiv 3\pmod 4 ~ n\equiv 3,1 \pmod 4
10101_2 ~ 21
2A_{16} ~ 42
2A_{16} ~ 101010_2
1011_2 ~ 1011_{2}
0.333... ~ \frac13
0.333\ldots ~ 1/3
0.333... ~ 0.3333\ldots
0.(3) ~ 1/3
0.1666\dots ~ 1/6
0.\overline{3} ~ 1/3
0.142857142857142857... ~ 1/7
0.999... ~ 1
-2.666... ~ -8/3
12.3\overline{45} ~ \frac{679}{55}
\frac\pi4+k\pi, k\in\mathbb Z ~ x=\frac\pi4+n\pi, n\in\mathbb Z
2n+1, n\in\mathbb{Z} ~ 2k+1, k\in \mathbb{Z}
2n+1, n\in Z ~ 2k+1
\frac\pi4+k\pi, k\in\mathbb Z ~ \frac\pi4+k\pi
\frac\pi4+k\pi ~ x = \frac\pi4+n\pi
\frac\pi4+k\pi \text{ for any integer } k ~ x = \frac\pi4+n\pi
\frac\pi4+k\pi, \text{ where } k \text{ is an integer} ~ x = \frac\pi4+n\pi
(t,2t), t\in\mathbb R ~ (s,2s), s\in \mathbb{R}
\ln|x|+C ~ \ln|x| + c
Ce^{2x} ~ ce^{2x}
c_1e^x+c_2e^{-x} ~ C_1e^x+C_2e^{-x}
f(x)=x+1 ~ f(t)=t+1
f(n)=2n ~ f(x)=2x
x\mapsto x^2 ~ x \mapsto x^{2}
x\mapsto x^2 ~ f(x)=x^2
90^\circ ~ \frac{\pi}{2}
90^\circ ~ \frac{\pi}{2}\text{ radians}
45^\circ ~ \frac\pi4
360^\circ ~ 2\pi
30^\circ, 60^\circ ~ \frac{\pi}{6}, \frac{\pi}{3}
60^\circ + 360^\circ k ~ \frac{\pi}{3}+2k\pi
3 x 10^8 ~ 3\times10^8
\log_2 8 ~ 3
44_6 ~ 44_{\text{six}}
3.142857142857\ldots ~ 3.142857142857...
"""
DIFFERENT = r"""
17 \bmod 5 ~ 3
n\equiv 1,3\pmod 4 ~ n\equiv 1,3 \pmod 8
n\equiv 1,3\pmod 4 ~ 1,3
2 \pmod 5 ~ 2 \pmod 7
x\equiv2\pmod5 ~ y\equiv2\pmod5
x\equiv2\pmod5 ~ x=2
x\equiv2\pmod5 ~ x\equiv3\pmod5
1011_2 ~ 1011
1011_2 ~ 1011_3
0.333... ~ 0.333
0.33... ~ 1/3
0.(3) ~ 0
0.333... ~ 0.334
(t,2t), t\in\mathbb R ~ (s,2s), s\in \mathbb{Z}
2n+1 ~ 2k+1
2n+1, n\in\mathbb{N} ~ 2k+1, k\in \mathbb{Z}
x>1, x\in\mathbb Z ~ x>1
n=5, n\in\mathbb Z ~ k=5
2n+1, n\in\mathbb{Z} ~ 2k-3n, k\in \mathbb{Z}
nk, n\in\mathbb{Z} ~ k^2, k\in \mathbb{Z}
a+b+c ~ a+b+C
c ~ C
x+c ~ x
2c ~ 2C
f(n)=2n ~ g(x)=2x
P(a)=5 ~ P(b)=5
P(A)=5 ~ P(B)=5
f(x)=x+t ~ f(t)=t+x^2
x\mapsto x^2 ~ x \mapsto x^{3}
90^\circ ~ \frac{\pi}{3}
90^\circ ~ 90\pi
90^\circ ~ 90\text{ radians}
3 x 10^8 ~ 3\times10^7
x_1 ~ x_2
\log_{10} 100 ~ \log_2 100
0.5(4) ~ 0.5
3.1415... ~ 3.14159\ldots
k ~ n, n\in\mathbb{Z}
"""
PAIRS = [
    (verdict, *line.split(" ~ "))
    for verdict, lines in ((Verdict.EQUAL, EQUAL), (Verdict.DIFFERENT, DIFFERENT))
    for line in lines.strip().splitlines()
]


@pytest.mark.parametrize(("verdict", "gold", "answer"), PAIRS)
def test_aligned_pairs_both_ways(verdict: Verdict, gold: str, answer: str) -> None:
    left, right = normalise(gold), normalise(answer)
    assert compare(*align(left, right)) is verdict
    assert compare(*align(right, left)) is verdict


@pytest.mark.parametrize(
    "text", ["x_{12}", r"\log_{2} 8", "AB_1", "10C_3", "f(x, y) = c", r"x \equiv a \mod n", "0.12..."]
)
def test_other_differences_than_notation_stay(text: str) -> None:
    assert align(text, "1") == (text, "1")
    assert align(text, text) == (text, text)


def test_long_texts_are_aligned_in_linear_time() -> None:
    for unit in ("1", "0.1", "1_", "(", ", k", "x \\equiv ", "1 \\mod ", "°", "A", " ;(", "c+", "k\\pi"):
        text = unit * (4000 // len(unit))
        align(text, text + "1")
        align(text + "2", r"1 \mod 5, k \in \mathbb{Z} \pi \dots ...")
