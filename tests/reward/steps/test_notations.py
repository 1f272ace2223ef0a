"""Many notations, each in one line of a file: true ones raise no alarm, and false ones are found."""

from pathlib import Path

import pytest

from reward.steps import check_steps

CASES = Path(__file__).parent / "cases"


def texts(name: str) -> list[str]:
    """Texts of a file, one a line; a line break within a text is written as a backslash, n and a character."""
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()
    return [line if r"\neq" in line else line.replace(r"\n", "\n") for line in lines]


def test_notation_without_a_false_step_raises_no_alarm() -> None:
    reports = {text: check_steps(text, given="").false for text in texts("without_false_steps.txt")}
    assert len(reports) > 600
    assert {text: false for text, false in reports.items() if false} == {}


def test_a_false_step_is_found_in_every_notation() -> None:
    found = {text: check_steps(text, given="").false for text in texts("with_a_false_step.txt")}
    assert len(found) > 130
    assert [text for text, false in found.items() if not false] == []


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("500 - 700 = (200)", "500 - 700 = (300)"),
        ("1 cm = 5 km", "1 km = 100 m"),
        ("2π = 360°", "2π = 380°"),
        ("5!! = 15", "5!! = 16"),
        ("5 + 3 = 8!!", "5 + 3 = 9!!"),
        ("1/2 hour = 30 minutes", "1/2 hour = 31 minutes"),
        ("3 hundreds + 2 tens = 320", "3 hundreds + 2 tens = 330"),
        ("1/3 = 33%", "1/3 = 43%"),
        ("0.(3) = 1/3", "0.(3) = 1/4"),
        ("(5) + (-3) = 2", "(5) + (-3) = 3"),
        ("2 nickels + 3 dimes = 40 cents", "2 nickels + 3 dimes = 45 cents"),
        ("7 + 5 = 14 in base 8", "7 + 5 = 14 in the basket"),
        ("pp. 3-5 = 3 pages", "pp. 5-3 = 3 pages"),
        ("It is not true that 2 + 2 = 5", "It is true that 2 + 2 = 5"),
        ("The median of 1, 3, 5 = 3", "So 5 = 3"),
        ("$f'(2) = 4$", "$(2) = 4$"),
        ("$4 = 4 \\mathrm{acot}(5)$", "$4 + 1 = 4$"),
        ("10 is 50% of 20", "10 is 40% of 20"),
        ("3•5 = 15", "3•5 = 16"),
        ("5 red apples + 3 green apples = 8 apples", "5 red apples + 3 green apples = 9 apples"),
    ],
)
def test_neighbours_on_both_sides(true: str, false: str) -> None:
    assert check_steps(true, given="").false == ()
    assert len(check_steps(false, given="").false) == 1
