"""Gold answers in the style of college mathematics: solutions of equations, families, sets, units, identities."""

from collections.abc import Iterator
from random import Random

FORMS = (
    "y=@e^{@x}+C",
    "y=C_1e^{@x}+C_2e^{-@x}",
    r"y=e^{@x}(C_1\cos @x+C_2\sin @x)",
    "P(t)=P(0)e^{@t}",
    "P(t)=P(0)e^{-@t}",
    r"x(t)=x(0)\cos(@t)+@",
    r"x(t)=x(0)\sin(@t)+@",
    "P(@)-P(0)",
    "h(@)",
    "y(@)=@",
    "f'(@)=@",
    "f(@)=@, f(0)=@",
    r"@\zeta(@)",
    r"\Gamma(@)",
    "y^2=@x^2+C",
    "@x+@y=@",
    "x+y=@, x-y=@",
    "x^2+y^2=@",
    "y=@x+@",
    "y=@",
    "@",
    r"y=\arcsin(@x+C)",
    r"\arcsin y=@\ln|x|+C",
    r"\ln|y|=@x+C",
    r"y=\sqrt{@-x^2}",
    r"x=\pm@\sqrt{2}, y=@",
    r"x=0, x=\pm@\sqrt{2}",
    r"x=0, y=\pm@\sqrt{2}",
    "x=@, y=@",
    r"x=@ \text{ or } x=@",
    r"x=@ \text{ or } y=@",
    "C_1=@, C_2=@",
    "x_1=@, x_2=@",
    "(@,@)",
    "[0,@)",
    r"(-\infty,0)\cup(@,\infty)",
    "x>@",
    r"t\ge @",
    "-@<x<@",
    "|x-@|=@",
    r"\frac{@\pi}{7}+k\pi",
    r"\frac{@\pi}{7}+2k\pi",
    r"\theta=\frac{\pi}{@}",
    "a_n=@a_{n-1}+@",
    r"\frac{dy}{dx}=@x-@y",
    r"\vec{r}=@\hat i+@\hat j",
    r"@\text{ m/s}",
    r"@\sqrt{3}\text{ cm}^2",
    r"\begin{pmatrix}@&@\\@&@\end{pmatrix}",
    r"\begin{cases}x^2&x\ge@\\@x&x<@\end{cases}",
    r"\lfloor\frac{n}{@}\rfloor",
    r"\binom{n}{@}",
    r"\log_{11} @",
    r"\int_0^@ x^@ dx",
    r"\sin\frac{\pi}{@}",
    r"\cos(@\pi)=1, \sin(@\pi)=0",
    r"\tan x=\frac{@}{7}",
    "@n^2+@n+@",
    r"\frac{@x+@}{x-@}",
    r"@\cos^2x+@\sin^2x",
    r"\sin 2x=2\sin x\cos x",
    r"\cos 2x=2\cos^2x-1",
    r"\sin^2x+\cos^2x=1",
    r"e^{@\ln x}=x^@",
    "(x+@)^2=x^2+@x+@",
    "z=@+@i",
    r"@x\equiv @ \pmod{11}",
    "@:@",
    r"\{@,@,@\}",
    r"@\%",
    r"V=\frac{@}{3}\pi r^2h",
    r"A=P(1+\frac{r}{@})^{@t}",
    r"\angle ABC=@^\circ",
    r"\frac{\partial f}{\partial x}=@xy",
    r"u(x,t)=\sin(@x)e^{-@t}",
    r"x\ln x-@x+C",
    r"\ln(x+@)-\ln(x+@)",
    r"\sqrt{x-@}",
)
"""Each `@` stands for a number."""


def college_golds(seed: int) -> Iterator[str]:
    """Golds without end, drawn by `seed`."""
    rng = Random(seed)
    while True:
        parts = rng.choice(FORMS).split("@")
        yield "".join(
            part + (str(rng.randint(2, 9)) if place < len(parts) - 1 else "")
            for place, part in enumerate(parts)
        )
