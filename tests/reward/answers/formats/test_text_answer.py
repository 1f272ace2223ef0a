"""Convention `text`: extraction of a short answer, and equality of two answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.answers.formats.text_answer import decide, extract, f1, words
from reward.config import RewardConfig
from reward.types import Check, Verdict

EXACT = RewardConfig()


def verdict(gold: str, answer: str, config: RewardConfig = EXACT) -> Verdict:
    result, reason = decide(Check(gold, answer, "text"), config)
    assert reason is None
    return result


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is hot.\nThe answer is Paris.", "Paris"),
        ("The answer is Paris. I am sure.", "Paris"),
        ("The answer is St. Louis.", "St. Louis"),
        ("The answer is J. K. Rowling.", "J. K. Rowling"),
        ("The answer is 3.5. So there.", "3.5"),
        ("The answer is no. Because it rained.", "no"),
        ("The answer is Paris, which is in France.", "Paris"),
        ("The answer is O Brother, Where Art Thou?", "O Brother, Where Art Thou?"),
        ("The answer is:\nParis", "Paris"),
        ("**Answer:** blue whale", "blue whale"),
        ("Look.\n#### blue whale", "blue whale"),
        (r"So \boxed{Monday}.", "Monday"),
        ("The answer is Rome.\n#### Paris", "Paris"),
        ("#### Rome\nThe answer is Paris.", "Paris"),
        ("The answer is therefore Paris.", "Paris"),
        ("The answer is Paris<|im_end|>\n", "Paris"),
        ("Paris", "Paris"),
        ("`Paris`.\n", "Paris"),
        (r"A box: \boxed{Rome}" + "\n####", None),
        ("Two\nlines", None),
        ("The answer is ", None),
        ("", None),
        (" \n ", None),
    ],
)
def test_strict(text: str, answer: str | None) -> None:
    assert extract(text, strict=True) == answer


def test_lenient_takes_the_last_line() -> None:
    assert extract("Two\nlines\n\n", strict=False) == "lines"


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_an_answer_stated_again_is_the_same(text: str) -> None:
    answer = extract(f"#### {text}", strict=True)
    assert answer != ""
    if answer is not None:
        assert extract(f"#### {answer}", strict=True) == answer


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("The Beatles", "beatles"),
        ("Monday", r"\text{monday}"),
        ("U.S.", "US"),
        ("Jean-Paul", "jean paul"),
        ("1,000", "1000"),
        ("5.0", "5"),
        (".5", "0.5"),
        ("+5", "5"),
        ("５", "5"),
        ("٣", "3"),
        ("$5", "5"),
        ("-$5", "-5"),
        ("50%", "50"),
        ("1/2", "½"),
        ("1990–1995", "1990-1995"),
        ("COVID-19", "covid 19"),
        ("a", "A"),
        ("?!", "?!"),
    ],
)
def test_equal(gold: str, answer: str) -> None:
    assert verdict(gold, answer) is verdict(answer, gold) is Verdict.EQUAL


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("-5", "5"),
        ("3.5", "35"),
        ("1,2", "12"),
        ("1/2", "12"),
        ("5²", "52"),
        ("1½", "11/2"),
        ("$5", "€5"),
        ("x > 5", "x < 5"),
        ("C++", "C"),
        ("O+", "O-"),
        ("A", "B"),
        ("vitamin A", "vitamin C"),
        ("hepatitis A virus", "hepatitis virus"),
        (r"\alpha", r"\beta"),
        ("listen", "silent"),
        ("no", "yes"),
        ("Paris", "Paris and Rome"),
        ("?", "!"),
        ("a", "the"),
        ("x", ""),
    ],
)
def test_different(gold: str, answer: str) -> None:
    assert verdict(gold, answer) is verdict(answer, gold) is Verdict.DIFFERENT


def test_f1_is_the_share_of_common_words() -> None:
    assert f1(words("the big red car"), words("a red car")) == pytest.approx(2 * 2 / (3 + 2))
    assert f1(words("car car"), words("car")) == pytest.approx(2 / 3)
    assert f1([], ["car"]) == 0


@pytest.mark.parametrize(("threshold", "expected"), [(0.8, Verdict.EQUAL), (0.81, Verdict.DIFFERENT)])
def test_a_threshold_accepts_answers_with_enough_words_in_common(threshold: float, expected: Verdict) -> None:
    assert verdict("big red car", "the red car", RewardConfig(text_min_f1=threshold)) is expected


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_order_of_the_two_does_not_matter(gold: str, answer: str) -> None:
    assert verdict(gold, answer) is verdict(answer, gold)
    assert verdict(gold, gold) is Verdict.EQUAL
