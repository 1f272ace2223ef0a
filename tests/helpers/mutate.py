"""Seeded hostile and half-sensible answers: a small grammar of LaTeX, random Unicode, and mutations of given texts."""

import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

ATOMS = (
    *(
        "0",
        "1",
        "2",
        "-3",
        "18",
        "0.5",
        "1,234",
        "1/2",
        "007",
        "1e5",
        "10^{30}",
        "50\\%",
        "$18",
        "18 cm",
        "3 hours",
    ),
    *(
        "x",
        "y",
        "n",
        "a_1",
        "X",
        "\\pi",
        "e",
        "i",
        "\\infty",
        "\\emptyset",
        "\\alpha",
        "\\theta",
        "\\text{yes}",
    ),
    *(
        "Monday",
        "no solution",
        "twenty-one",
        "5 million",
        "3:30",
        "nan",
        "B",
        "\\pm 2",
        "90^\\circ",
        "½",
        "5²",
    ),
)
FORMS = (
    *(
        "\\frac{@}{@}",
        "\\frac@@",
        "\\sqrt{@}",
        "\\sqrt[3]{@}",
        "@^{@}",
        "@_{@}",
        "@!",
        "\\binom{@}{@}",
        "|@|",
        "-@",
    ),
    *(
        "@+@",
        "@-@",
        "@ @",
        "@\\cdot @",
        "@/@",
        "@ = @",
        "@ < @",
        "@ \\le x < @",
        "x \\ge @",
        "x \\neq @",
        "(@)",
    ),
    *("(@,@)", "[@,@)", "(@,@]", "]@,@[", "\\{@,@\\}", "@, @", "@ or @", "@ and @", "@ \\cup @", "x \\in @"),
    *(
        "\\sin @",
        "\\log_{@} @",
        "\\ln(@)",
        "e^{@}",
        "\\sum_{n=1}^{@} @",
        "\\int_0^{@} @ dx",
        "\\lim_{x\\to @} @",
    ),
    *(
        "\\begin{pmatrix}@&@\\\\@&@\\end{pmatrix}",
        "\\begin{vmatrix}@\\end{vmatrix}",
        "\\text{@}",
        "\\boxed{@}",
    ),
    *("$@$", "\\(@\\)", "\\left(@\\right)", "**@**", "@%", "@ cm", "x = @", "f(x) = @", '{"a": @}', "#### @"),
)
FRAGMENTS = (
    *(
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\\",
        "$",
        "^",
        "_",
        "%",
        "&",
        "#",
        ",",
        ";",
        ".",
        "!",
        "=",
        "<",
        "|",
        "'",
        '"',
        "~",
    ),
    *(
        "\\{",
        "\\}",
        "\\\\",
        "\\frac",
        "\\sqrt",
        "\\left",
        "\\right",
        "\\begin{",
        "\\end{",
        "\\boxed{",
        "\\text{",
    ),
    *(
        "^^",
        "9^",
        "^{9",
        "\n",
        "\t",
        "\x00",
        "\x1b",
        "\u200b",
        "\u202e",
        "\u0301",
        "\ufeff",
        "\ud800",
        "١",
        "Ⅷ",
        "🎉",
    ),
)
LONGEST = 1200
"""Maximum characters of an answer, a little beyond the default limit of comparison."""


def answers(rng: random.Random, texts: Sequence[str]) -> Iterator[str]:
    """Answers without end, none longer than `LONGEST`: a third each from the grammar and from mutations of
    `texts`, the rest random characters and chains of fragments."""
    makers: tuple[Callable[[], str], ...] = (
        lambda: formula(rng, depth=rng.randint(0, 3)),
        lambda: mutated(rng, rng.choice(texts), texts),
        lambda: mutated(rng, formula(rng, depth=2), texts),
        lambda: noise(rng),
    )
    while True:
        yield rng.choices(makers, weights=(3, 3, 2, 1))[0]()[:LONGEST]


def formula(rng: random.Random, depth: int) -> str:
    """A text of the grammar, nested at most `depth` deep; most are well formed, few make sense."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(ATOMS)
    parts = rng.choice(FORMS).split("@")
    return parts[0] + "".join(formula(rng, depth - 1) + part for part in parts[1:])


def noise(rng: random.Random) -> str:
    """Up to 60 characters of any plane of Unicode, or up to 60 fragments of TeX."""
    length = rng.randint(1, 60)
    if rng.random() < 0.5:
        return "".join(rng.choice(FRAGMENTS + ATOMS) for _ in range(length))
    return "".join(chr(rng.randrange(rng.choice((0x80, 0x800, 0x3000, 0x110000)))) for _ in range(length))


def mutated(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """`text` after one to four random edits, which may take parts of `others`."""
    for _ in range(rng.randint(1, 4)):
        text = rng.choice(_EDITS)(rng, text[:LONGEST], rng.choice(others))
    return text


def _span(rng: random.Random, text: str) -> tuple[int, int]:
    start = rng.randint(0, len(text))
    return start, min(len(text), start + rng.randint(1, 8))


def _delete(rng: random.Random, text: str, other: str) -> str:
    start, end = _span(rng, text)
    return text[:start] + text[end:]


def _duplicate(rng: random.Random, text: str, other: str) -> str:
    start, end = _span(rng, text)
    return text[:end] + text[start:end] * rng.choice((1, 1, 1, 3, 40)) + text[end:]


def _swap(rng: random.Random, text: str, other: str) -> str:
    start, end = _span(rng, text)
    middle = (start + end) // 2
    return text[:start] + text[middle:end] + text[start:middle] + text[end:]


def _insert(rng: random.Random, text: str, other: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(FRAGMENTS + ATOMS) + text[at:]


def _splice(rng: random.Random, text: str, other: str) -> str:
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


def _wrap(rng: random.Random, text: str, other: str) -> str:
    before, *_, after = rng.choice(FORMS).split("@")
    times = rng.choice((1, 1, 1, 2, 30))
    return before * times + text + after * times


def _repeat(rng: random.Random, text: str, other: str) -> str:
    return rng.choice(("", " ", ", ", "+", " or ")).join([text] * rng.choice((2, 3, 50)))


_EDITS = (_delete, _duplicate, _swap, _insert, _splice, _wrap, _repeat)


def renderings(value: Fraction) -> list[str]:
    """Ways to write `value`, all of which must be found equal to each other and to nothing else."""
    top, bottom = value.numerator, value.denominator
    texts = [f"{top}/{bottom}", rf"\frac{{{top}}}{{{bottom}}}", rf"$\dfrac{{{2 * top}}}{{{2 * bottom}}}$"]
    texts += [
        rf"\frac{{{-top}}}{{{-bottom}}}",
        rf"x = {top}/{bottom}",
        rf"\frac{{{top}}}{{{bottom}}} \text{{ cm}}",
    ]
    if bottom == 1:
        texts += [
            str(top),
            f"{top:,}",
            f"{top}.0",
            f"**{top}**",
            rf"\text{{{top}}}",
            f"{top} apples",
            rf"\({top:+}\)",
        ]
    elif abs(top) > bottom:
        whole, rest = divmod(abs(top), bottom)
        texts.append(f"{'-' if top < 0 else ''}{whole}\\frac{{{rest}}}{{{bottom}}}")
    return texts
