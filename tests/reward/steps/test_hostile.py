"""No text makes the check of steps raise or run on."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward.steps import check_steps
from tests.helpers.mutate import answers

PIECES = st.sampled_from(
    (
        *("1", "23", "4.5", "1/2", "½", "²", "x", "km", "five", "half of", "plus", "is", "about", "9" * 70),
        *(
            "+",
            "-",
            "*",
            "/",
            "^",
            "**",
            "!",
            "%",
            "=",
            "<",
            "≥",
            "≈",
            "~",
            "(",
            ")",
            "{",
            "}",
            "|",
            "$",
            "\\",
        ),
        *(
            "\\frac",
            "\\sqrt",
            "\\begin{matrix}",
            "\\\\",
            "&",
            "<<",
            ">>",
            "\n",
            " ",
            ".",
            ",",
            ":",
            "#### ",
            "\ud800",
        ),
    )
)
LARGE = {
    "relations": "=" * 100_000,
    "brackets": "(" * 50_000 + "1" + ")" * 50_000 + " = 1",
    "digits": "9" * 1_000_000 + " = 1",
    "powers": "9**9**9 = 1; 2^99999 = 3",
    "factorials": "170!!! = 3; 99999999! = 1",
    "terms": "1+" * 50_000 + "1 = 5",
    "fractions": r"\frac{1}{" * 5_000 + "1" + "}" * 5_000 + " = 3",
    "newlines": "\n" * 100_000,
    "words": "half of " * 12_000 + "2 is 1",
    "signs": "-" * 100_000 + "1 = 1",
    "notes": "<<1=1>>" * 14_000,
    "environments": r"\begin{matrix}" * 7_000,
    "denominators": "1/7+1/11+1/13+1/17+1/19+1/23+" * 40 + "1 = 2",
}


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
@settings(deadline=None, max_examples=500)
def test_no_text_raises(text):
    report = check_steps(text, given=text)
    assert len(report.false) <= report.checked


def test_hostile_answers_do_not_raise():
    texts = answers(random.Random(0), ["3 + 4 = 7", "half of 48 is 24", r"\frac{1}{2} \times 4 = 2"])
    for _ in range(3000):
        check_steps(next(texts), given="")


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_text_ends(kind):
    start = time.process_time()
    check_steps(LARGE[kind], given=LARGE[kind])
    # Far above what any of them takes; a quadratic reader takes minutes.
    assert time.process_time() - start < 60


@pytest.mark.parametrize(
    "text", ["1/0 = 5", "0^0 = 1", "√-1 = 1", "9**9**9 = 1", "9" * 100 + " = 1", "1e999 = 2"]
)
def test_values_that_are_undefined_or_too_large_are_undecided(text):
    assert check_steps(text, given="").checked == 0
