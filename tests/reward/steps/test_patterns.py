"""Arithmetic in words is read by patterns, which users can extend."""

import pytest

from reward.steps import ENGLISH, check_steps, load_patterns

TRUE = [
    "13 plus 4 is 17",
    "half of 48 is 24",
    "24 is half of 48",
    "3 less than 12 makes 9",
    "twice 6 is 12",
    "the sum of 3 and 4 is 7",
    "12 divided by 4 gives 3",
    "5 times as many as 3 is 15",
    "three plus four is seven",
    "48/2 is 24",
    "15 = 3 times 5",
    "3 apples plus 4 apples is 7 apples",
    "10% more than 50 is 55",
    "5 more than twice 3 is 11",
    "3 times 3.33 is about 10",
    "twenty-five divided by five is five",
    "2 dozen is 24",
    "5 is less than 8",
    "taking 77 from 134 leaves 57",
    "taking away 3 apples from 10 apples leaves 7 apples",
    "Take 3 from 10 to get 7.",
    "removing 4 from half of 20 leaves 6",
    "splitting 36 by 2 gives 18",
    "splitting 36 dollars between 2 friends gives 18 dollars each",
    "sharing 12 apples equally among 4 children gives 3",
    "10 over 2 is 5",
    "one of 3 parts of 21 makes 7",
    "2 of the 3 equal parts of 21 is 14",
]
FALSE = [
    "13 plus 4 is 18",
    "half of 48 is 23",
    "24 is half of 46",
    "3 less than 12 makes 8",
    "twice 6 is 13",
    "the sum of 3 and 4 is 8",
    "12 divided by 4 gives 4",
    "5 times as many as 3 is 16",
    "three plus four is eight",
    "48/2 is 25",
    "15 = 3 times 6",
    "10% more than 50 is 65",
    "So 6 multiplied by 7 equals 43.",
    "9 is less than 8",
    "taking 77 from 134 leaves 67",
    "So taking 140 from 140 leaves 90.",
    "taking 3 away from 10 leaves 8",
    "deducting 5 from 12 leaves 8",
    "Splitting 34 by 2 gives 18",
    "sharing 12 apples equally among 4 children gives 4",
    "Now 10 over 3 is 7.",
    "Next 3 over 3 is 11.",
    "one of 3 parts of 21 makes 8",
]
PROSE = [
    "He is 12 years old",
    "Tom is 5 years older than 7",
    "Her share 1/3 is 20",
    "ages 5-10 is 5",
    "two weeks is 2 * 7 days",
    "60 mph is 60 * 1.5 = 90 miles",
    "Half of 8 + 2 is 6",
    "It takes 3 hours to go from 5 to 12",
    "5 miles a day over 4 days is 20 miles",
    "10 dollars over 3 weeks is 30 dollars",
    "Splitting 3 pizzas into 8 slices gives 24 slices",
]


@pytest.mark.parametrize("text", TRUE)
def test_true_arithmetic_in_words_is_checked(text):
    report = check_steps(text, given="")
    assert report.checked == 1
    assert not report.false


@pytest.mark.parametrize("text", FALSE)
def test_false_arithmetic_in_words_is_found(text):
    assert len(check_steps(text, given="").false) == 1


@pytest.mark.parametrize("text", PROSE)
def test_prose_about_numbers_is_not_false(text):
    assert not check_steps(text, given="").false


def test_a_file_adds_another_language(tmp_path):
    path = tmp_path / "es.txt"
    path.write_text("# Spanish\n{a} más {b} => a + b\n{A} (es|son) {b} => A = b\n", encoding="utf-8")
    patterns = [*ENGLISH, *load_patterns(path)]
    assert not check_steps("3 más 4 son 7; 13 plus 4 is 17", "", patterns).false
    assert [step.value for step in check_steps("3 más 4 son 8", "", patterns).false] == ["7"]
    assert check_steps("3 más 4 son 8", "").checked == 0


def test_a_pattern_can_state_a_whole_claim(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("{a} and {b} (make|makes) {c} => a + b = c\n")
    report = check_steps("3 apples and 4 apples make 8", "", load_patterns(path))
    assert [step.text for step in report.false] == ["3 apples and 4 apples make 8"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{a} plus {b}", "no phrase|no pattern"),
        ("a plus b => a + b", "no number"),
        ("{a} plus {a} => a + a", "twice"),
        ("{a} plus {b} => a + c", "no calculation"),
        ("{a} plus {b} => a +", "no calculation"),
        ("{a} [plus] {b => a + b", "holds"),
    ],
)
def test_a_line_that_is_no_pattern_is_named_with_its_place(tmp_path, line, message):
    path = tmp_path / "own.txt"
    path.write_text(f"# mine\n{line}\n")
    with pytest.raises(ValueError, match=message) as error:
        load_patterns(path)
    assert f"{path}, line 2: " in str(error.value)
