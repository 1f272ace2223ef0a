"""Reading what a text mentions: numbers by value, names and terms."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.mentions.find import mentions
from reward.mentions.stems import stem


def numbers(text: str) -> list[Any]:
    """First readings, or parts if the text need not mean a number."""
    return [(m.keys or m.parts)[0] for m in mentions(text) if m.kind == "number"]


def words(text: str, kind: str) -> list[str]:
    return [text[m.start : m.end] for m in mentions(text) if m.kind == kind]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234 and 1234.0 and 1’234", [1234] * 3),
        ("1.234,50 or 1,234.50", [Fraction(2469, 2)] * 2),
        ("12,34,567", [1234567]),
        ("(3,5) but 3,5 kg", [3, 5, Fraction(7, 2)]),
        ("1,2,3", [1, 2, 3]),
        ("3/4, 0.75, .75, \\frac{3}{4}, three quarters, ¾", [Fraction(3, 4)] * 6),
        ("2 1/2, 2.5, 2½", [Fraction(5, 2)] * 3),
        ("12 / 2 = 6", [6, 6]),
        ("twenty-three, one hundred and five, a dozen", [23, 105, 12]),
        ("3 million, 3,000,000", [3_000_000] * 2),
        ("half, twice", [Fraction(1, 2), 2]),
        ("٣٤ and ３４", [34, 34]),
        ("23个苹果", [23]),
        ("5/0", [5]),
        ("1. First 7\n2) Then 8\nStep 3: 9", [7, 8, 9]),
        ("9" * 50, []),
    ],
)
def test_numbers_are_read_by_value(text: str, values: list[Any]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "readings", "parts"),
    [
        ("20%", (20, Fraction(1, 5)), ()),
        ("5 cents", (5, Fraction(1, 20)), ()),
        ("1.234", (Fraction(617, 500), 1234), ()),
        ("48/2", (24,), (48, 2)),
        ("one", (), (1,)),
        ("doubled", (), (2,)),
    ],
)
def test_a_number_has_every_value_that_it_may_mean(text: str, readings: tuple, parts: tuple) -> None:
    (mention,) = mentions(text)
    assert (mention.keys, mention.parts) == (readings, parts)


def test_names_have_capitals_inside_a_sentence_or_inside_a_word() -> None:
    text = "Yesterday Dr. Curie told Marie of DNA. Enzymes unzip it: Helicase is one. Then pH and CO2 fall."
    assert words(text, "name") == ["Curie", "Marie", "DNA", "pH", "CO2"]
    assert words(text, "term") == ["Yesterday", "told", "Enzymes", "unzip", "Helicase"]


def test_common_words_links_and_commands_are_not_mentioned() -> None:
    text = "Therefore the total amount is \\times \\text{so}, see https://example.org/Some/Page"
    assert list(mentions(text)) == []


@pytest.mark.parametrize(
    "family",
    [
        "mesophile mesophiles mesophilic",
        "divide divided divides dividing",
        "city cities",
        "sell sells selling",
        "class classes",
        "photosynthesis photosynthetic",
    ],
)
def test_inflections_have_one_stem(family: str) -> None:
    assert len({stem(word) for word in family.split()}) == 1


def test_words_of_different_meaning_have_different_stems() -> None:
    different = [
        "plim",
        "zorb",
        "electron",
        "electric",
        "oxygen",
        "oxide",
        "mitosis",
        "meiosis",
        "nucleus",
        "nuclear",
    ]
    assert len({stem(word) for word in different}) == len(different)


def test_spellings_of_a_word_are_one() -> None:
    spellings = ["plim", "PLIM", "рlim", "pl\u200bim", "ｐｌｉｍ", "plím", "pli\u0301m"]
    assert {
        key
        for spelling in spellings
        for m in mentions(f"6 {spelling}")
        if m.kind != "number"
        for key in m.keys
    } == {"plim"}


@given(
    st.text(alphabet=st.characters(), max_size=80)
    | st.text(alphabet="0123456789.,/ %½'\\{}fracA漢a\n", max_size=80)
)
def test_mentions_are_in_order_and_inside_any_text(text: str) -> None:
    found = list(mentions(text))
    places = [place for mention in found for place in (mention.start, mention.end)]
    assert places == sorted(places)
    assert all(mention.start < mention.end <= len(text) for mention in found)
    assert all(mention.keys or mention.parts for mention in found)
