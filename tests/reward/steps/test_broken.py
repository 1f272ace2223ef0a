"""Steps are broken if a side is missing, an operand comes from nowhere, or nothing uses the result."""

import pytest

from reward.steps import check_steps


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("36 - 10 = 26; 1 -  = 5\n#### 5", "1 - = 5"),
        ("= 5", "= 5"),
        ("3 + = 4", "3 + = 4"),
        ("36 - 10 =\n#### 26", "36 - 10 ="),
        ("We add them. = 7", "= 7"),
    ],
)
def test_an_equation_without_a_side_or_an_operand_is_broken(text, step):
    assert check_steps(text, given="36 10").broken == (step,)


def test_a_number_from_nowhere_is_broken():
    report = check_steps("5 * 3 = 15; 17 - 2 = 15\n#### 15", given="Ben has 5 bags of 3 pens.")
    assert report.broken == ("17 - 2 = 15",)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("5 * 3 = 15; 15 - 2 = 13", "5 bags of 3, less 2"),
        ("15 zorb = 33; 33 + 132 = 165", "15 and 132"),
        ("48 / 2 = 24; 48 + 24 = 72", "48 clips, and half as many"),
        ("100 - 35 = 65; 65/100 * 40 = 26", "35% of the 40"),
        ("12 * 60 = 720", "12 minutes"),
        ("There are 17 left. 17 - 3 = 14", "3"),
        ("3 * 14 = 42", "fourteen bags of three"),
        ("Total\n= 3 + 4\n= 7", "3 4"),
        (r"\begin{align*} 3+4 &= 7 \\ &= 2 + 5 \end{align*}", "3 4 2 5"),
        ("5 × 3 = ?", "5 3"),
        ("x = 5", ""),
    ],
)
def test_a_step_with_a_source_is_not_broken(text, given):
    assert check_steps(text, given).broken == ()


def test_a_result_that_nobody_uses_is_broken():
    report = check_steps("15 * 3 = 45; 20 * 4 = 80; 45 + 1 = 46\n#### 46", given="15 3 20 4")
    assert report.broken == ("20 * 4 = 80",)
