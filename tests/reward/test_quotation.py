"""Quotation of the expert in place of false steps."""

import pytest

from reward.quotation import quote_expert, quote_next_step
from reward.steps import check_steps

SOLUTION = "12 / 2 = 6; 6 plim = 23; 23 * 5 = 115\n#### 115"


def quoted(text: str, solution: str = SOLUTION) -> str | None:
    return quote_expert(text, check_steps(text, "").false, solution)


@pytest.mark.parametrize(
    ("text", "solution", "expected"),
    [
        ("12 / 2 = 6. Then 6 - 5 = 23.", SOLUTION, "12 / 2 = 6. Then 6 plim = 23."),
        ("So 6 minus 5 is 23, and 23 * 5 = 115.", SOLUTION, "So 6 plim = 23, and 23 * 5 = 115."),
        ("12 / 3 = 6. 6 - 5 = 23.", SOLUTION, "12 / 2 = 6. 6 plim = 23."),
        ("So 4 - 1 = 24 pens.", "- 4 zorb = 24 pens.", "So 4 zorb = 24 pens."),
        ("So 4 - 1 = 1,200.", "They earn much.\n4 zorb = $1200. It is right.", "So 4 zorb = $1200."),
        ("So 4 - 1 = 24.", "4 zorb = 24 = 48 / 2\n6 quat = 24", "So 6 quat = 24."),
    ],
)
def test_a_false_step_becomes_the_experts_step_with_the_same_result(
    text: str, solution: str, expected: str
) -> None:
    assert quoted(text, solution) == expected


@pytest.mark.parametrize(
    ("text", "solution"),
    [
        pytest.param("6 - 5 = 22.", SOLUTION, id="another result"),
        pytest.param("6 - 5 = 23. 23 + 1 = 25.", SOLUTION, id="one of two"),
        pytest.param("6 - 5 = 23.", "6 plim = 23; 46 quat = 23", id="two steps of the expert's"),
        pytest.param("6 - 5 = 23.", "She has 6 plim = 23 pens.", id="a sentence"),
        pytest.param("6 - 5 = 23.", r"6 \circ 5 = 23", id="LaTeX"),
        pytest.param("6 - 5 = 3.", "12 zorb = 3 + 3", id="the result of a later sum"),
        pytest.param("6 - 5 = 3.", "12 zorb = 3.5", id="a longer number"),
    ],
)
def test_without_one_such_step_there_is_no_quotation(text: str, solution: str) -> None:
    assert quoted(text, solution) is None


def test_a_longer_number_is_not_changed() -> None:
    assert quoted("16 - 5 = 11. 6 - 5 = 23.") == "16 - 5 = 11. 6 plim = 23."


@pytest.mark.parametrize(
    ("text", "solution", "expected"),
    [
        ("We have 12 / 2 = 6. So 6 + 5 = 11.\n#### 11", SOLUTION, "We have 12 / 2 = 6. 6 plim = 23."),
        ("- 12 / 2 = 6\n- 6 + 5 = 11\n#### 11", SOLUTION, "- 12 / 2 = 6\n6 plim = 23."),
        ("Half is 6 and 17 more is 23. So 2.", SOLUTION, "Half is 6 and 17 more is 23. 23 * 5 = 115."),
        ("She has 12 pens. So 12 + 5 = 17.", SOLUTION, "She has 12 pens. 12 / 2 = 6."),
        (
            "It is 3.5 times 2, which is 7. Good.",
            "3.5 * 2 = 7; 7 zorb = 17",
            "It is 3.5 times 2, which is 7. 7 zorb = 17.",
        ),
    ],
)
def test_a_text_is_cut_where_it_leaves_the_experts_results(text: str, solution: str, expected: str) -> None:
    assert quote_next_step(text, solution) == expected


@pytest.mark.parametrize(
    ("text", "solution"),
    [
        pytest.param("12 / 2 = 6. 6 + 17 = 23. 23 * 5 = 115. Good.", SOLUTION, id="all results"),
        pytest.param("12 / 2 = 6; 6 + 5 = 11\n#### 11", SOLUTION, id="one clause"),
        pytest.param("It is so. 9 + 9 = 18.", SOLUTION, id="nothing in common"),
        pytest.param("12 / 2 = 6. 6 + 5 = 11.", "She has 12 / 2 = 6 pens, and so on.", id="no equation"),
        pytest.param("", SOLUTION, id="empty"),
    ],
)
def test_a_text_that_cannot_be_cut_has_no_next_step(text: str, solution: str) -> None:
    assert quote_next_step(text, solution) is None
