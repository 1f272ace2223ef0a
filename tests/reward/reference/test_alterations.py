"""Changes of a reference: which of them change its meaning."""

from random import Random

import pytest

from reward.reference.alterations import ACCEPTED, REFUSED

TEXT = "Ann has 3 cats. She does not like 12 dogs.\nThe oldest cat is called Mia."
OTHER = "Bob drives a red lorry to Kiel."


def changed(kind: str, text: str = TEXT, seed: int = 0) -> str | None:
    return (REFUSED | ACCEPTED)[kind](text, OTHER, Random(seed))


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("seed", range(5))
def test_a_change_of_meaning_is_made_once(kind: str, seed: int) -> None:
    found = changed(kind, seed=seed)
    assert found is not None
    assert found.split() != TEXT.split()
    assert found == changed(kind, seed=seed)


def test_changes_of_meaning() -> None:
    assert changed("a negation flipped") == TEXT.replace("does not like", "does like")
    assert changed("a negation flipped", "It is safe.") == "It is not safe."
    assert changed("a negation flipped", "I can't, without help.", 1) in (
        "I can, without help.",
        "I can't, with help.",
    )
    assert changed("a number changed", "There are 7.") in {f"There are {number}." for number in range(8, 17)}
    assert OTHER in (changed("a foreign sentence added") or "")
    assert changed("a foreign sentence added", "Run `ls`.") == f"Run `ls`.\n\n{OTHER}"
    assert changed("a number changed", "1. Take `7`.") in {f"1. Take `{number}`." for number in range(8, 17)}
    assert changed("the reference of another row") == OTHER


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("a number changed", "None here, but v2.5 and x9."),
        ("a number changed", "1. First\n2) Second\n - 3. Third"),
        ("a number changed", "Step 2: see https://host/page/12 there"),
        ("a negation flipped", "Just so."),
        ("a sentence dropped", "Only one sentence."),
        ("a sentence dropped", "The cat sat. The cat sat. The cat sat."),
        ("line breaks", "One sentence."),
        ("list in another order", "1. first\n2. second"),
        ("numbers in words", "3 + 4 = 7"),
        ("numbers in words", "1. First\n2. Second, 5 1/2 of 3.5 or 3%, 3-4 at 3:15"),
        ("numbers in words", 'Say "take 5 of it" and `take 7 of it`, or 10,000.'),
        ("contractions", "It is so, `is not`."),
    ],
)
def test_a_text_without_anything_to_change_is_left_out(kind: str, text: str) -> None:
    assert changed(kind, text) is None


def test_changes_of_form() -> None:
    assert changed("numbers in words") == TEXT.replace("3", "three").replace("12", "twelve")
    assert changed("contractions") == TEXT.replace("does not", "doesn't")
    assert changed("list in another order", "So:\n- a\n- b\nDone.") == "So:\n- b\n- a\nDone."
    assert changed("list markers", "- a\n- b") == "• a\n• b"
    assert (changed("line breaks") or "").split() == TEXT.split()
