"""Closed claims of a text are found and decided."""

import pytest

from reward.steps import check_steps

TRUE = {
    "chains": [
        "36 - 10 = 26; 26 - 22 = 4",
        "Total = 12 + 3 = 15",
        "12 + 5\n= 17",
        "(8 + 2) × 3 = 10 × 3 = 30",
        "3 + 4 = 7 - 2 = 5",
        "15 = 3 * 5",
    ],
    "relations": ["3 + 4 < 8", r"5 \leq 6", "3 + 4 ≠ 8", "7 ≥ 7", "10 / 3 ≈ 3.3"],
    "latex": [
        r"\(\frac{1}{2} \times 4 = 2\)",
        r"\begin{align*} 3+4 &= 7 \\ &= 2 + 5 \end{align*}",
        r"$\sqrt{8} = 2\sqrt{2}$",
        r"$\frac 39 + \frac 29 = \boxed{\frac 59}$",
        r"$2(21\text{ inches})=\boxed{42}$",
        r"$180^\circ - 60^\circ = 120^\circ$",
        r"$1{,}000 \times 2 = 2{,}000$",
        r"$\binom{5}{2} = \frac{5!}{2!3!} = 10$",
        r"\$5 + \$3 = \$8",
        r"$3\frac{1}{2} + \frac12 = 4$",
        r"$3\left(4+5\right) = 27$",
    ],
    "unicode": ["5 × 3 = 15", "10 − 3 = 7", "15 ÷ 3 = 5", "½ + ½ = 1", "√16 = 4", "2³ = 8"],
    "markdown": [
        "So, 5 × 3 = **15** apples.",
        "**5** × **3** = **15**",
        "| a | 3 × 4 = 12 |",
        "2**3 = 8",
        "1. 3 + 4 = 7",
    ],
    "units": [
        "5 apples * 3 = 15 apples",
        "5 km/h * 2 h = 10 km",
        "1 hour = 60 minutes",
        "2 feet = 24 inches",
        "150 minutes = 2 hours and 30 minutes",
        "2 weeks - 3 days = 11 days",
        "5 miles = 8 km",
        "12 inches * 4 = 4 feet",
        "3 cups of flour + 2 cups of sugar = 5 cups",
    ],
    "money": ["$5 x 3 = $15", "4 * 25 cents = $1", "€5 + €3 = €8", "$2 / $0.50 = 4"],
    "percent": ["20% of 50 = 10", "0.2 = 20%", "30/50 x 100 = 60%", "100 - 20% = 80", "100% - 20% = 80%"],
    "fractions": ["3/4 * 8 = 6", "1 1/2 + 1/2 = 2", "1/2 + 1/3 = 5/6", "60 / 3/4 = 80"],
    "fractions after another sign of division": [
        "10÷1/2=20",
        "10÷1/2=5",
        "10 ÷ 1 / 2 = 20",
        r"$10\div1/2 = 20$",
        "12÷3/4×2=32",
        "6 pounds ÷ 1/2 pound = 12",
    ],
    "printed floats": [
        "1/3 = 0.33333333333333215",
        "0.1 + 0.2 = 0.30000000000000004",
        "0.1428571428571428 * 7 = 1",
        "1/30000 = 3.3333333333333335e-05",
        "2/3 = 66.66666666666667%",
    ],
    "rounding": ["10/3 = 3.33", "2/3 = 66.7%", "20/3 = 6.67, and 6.67 * 3 = 20", "10/4 = 2, rounded down"],
    "remainders": ["17 / 5 = 3 remainder 2", "17 ÷ 5 = 3 R 2", "7 / 2 = 3 with 1 left over"],
    "notes": ["48/2 = <<48/2=24>>24"],
    "functions": ["5! = 120", "|3 - 7| = 4", "gcd(12, 18) = 6", "The answer is 5 * 3 = 15!"],
    "scales": ["2.5 million / 5 = 500 thousand", "3 dozen * 12 = 36", "32 / 2 = $16 million"],
}
FALSE = [
    ("4 - 5 = 2", "2", "-1"),
    ("Cost: 3 * 4 = 13", "13", "12"),
    ("x = 3 * 4 = 13", "13", "12"),
    ("12 + 5\n= 18", "18", "17"),
    ("3 + 4 = 8 - 2 = 6", "8 - 2", "7"),
    ("So 15 = 3 * 6", "15", "18"),
    ("3 + 4 > 8", "8", "7"),
    (r"3 \ge 4", "4", "3"),
    (r"\frac{1}{2} \times 4 = 3", "3", "2"),
    (r"\boxed{3 + 4 = 8}", "8", "7"),
    (r"$\sqrt{16} = 5$", "5", "4"),
    ("5 × 3 = **16** apples", "16", "15"),
    ("| a | 3 × 4 = 13 |", "13", "12"),
    ("5 apples * 3 = 16 apples", "16", "15"),
    ("6 apples = 7 apples", "7", "6"),
    ("2 feet = 25 inches", "25", "2"),
    ("2 hours + 30 minutes = 160 minutes", "160", "32"),
    ("20% of 50 = 11", "11", "10"),
    ("30/50 = 50%", "50%", "0.6"),
    ("10/3 = 4.33", "4.33", "10/3"),
    ("23 / 2 = 11", "11", "11.5"),
    ("10/3 = 4...", "4", "10/3"),
    ("10/1/2 = 20", "20", "5"),
    ("10÷1/2=21", "21", "20"),
    ("12÷3÷4=16", "16", "1"),
    ("1/3 = 0.333333433333", "0.333333433333", "1/3"),
    ("1/30000 = 3.43e-5", "3.43e-5", "1/30000"),
    ("123456789012 * 2 = 246913578025", "246913578025", "246913578024"),
    ("123456789012.5 + 1 = 123456789014.5", "123456789014.5", "1.23456789e+11"),
    ("47 ≈ 80", "80", "47"),
    ("1 1/2 + 1/2 = 3", "3", "2"),
    ("2³ = 9", "9", "8"),
    ("5! = 121", "121", "120"),
    ("17 / 5 = 3 remainder 3", "3 remainder 3", "17"),
    ("<<48/2=25>>", "25", "24"),
    ("1,200 + 300 = 1,600", "1,600", "1500"),
]
NO_CLAIMS = {
    "variables": [
        "x = 5",
        "3x + 5 = 20",
        "2(x + 3) = 16",
        "x + 3 = 5",
        "f(2) = 3",
        "(7 * V) + 20 = 68",
        "x^2 = 9",
    ],
    "names": ["Total = 12 + 3", "Tom's age + 5 = 12", "Week 2 = 3", "Chapter 3 = 12 pages"],
    "invented operations": ["71 zorb = 145", "15 zorb + 3 = 36", "3 @ 4 = 19", "3 ★ 4 = 11", "7 & 2 = 13"],
    "dates and times": ["3/4/2024 = 5", "8:00 + 2 hours = 10:00", "2024-01-05 = 5"],
    "ratios": ["3:4 = 6:8", "the ratio is 4 : 8 = 1 : 2"],
    "ranges": ["3-4 hours = 180-240 minutes", "Pages 1-2 = 96 - 70", "pages 10-12 = 3 pages"],
    "code": ["a == 5", "x += 1 = 5", "version 1.2.3 = 4", "n % 2!=0"],
    "questions": [
        "Is 3 + 4 = 8?",
        "So does 3 + 4 = 8?",
        "Let me check: is 3 + 4 = 8?",
        "(Is 3 + 4 = 8?)",
        "Could it be that 3 + 4 = 8?",
        "Is it true that 3 plus 4 is 8?",
        "5 × 3 = ?",
        "3 + _ = 7",
        "3 + ___ = 7",
    ],
    "conditions": [
        "if 3 + 4 = 8 then",
        "If 3 + x = 5",
        "If 3 + 4 = 8, then 8 - 4 = 3 is wrong",
        "unless 3 + 4 = 8",
    ],
    "refusals": [
        "3 + 4 = 8 is wrong",
        "3 + 4 = 8 is not true",
        "3 + 4 = 8? No, 7.",
        "3 + 4 = 8? That is wrong.",
    ],
    "vectors": [
        "(1,2) · (3,4) = 11",
        r"\begin{pmatrix} 3 \\ 2 \end{pmatrix} \cdot \begin{pmatrix} 2 \\ -3 \end{pmatrix} = 0",
    ],
    "moduli": ["7 = 2 (mod 5)", r"$17 \equiv 2 \pmod 5$"],
    "subscripts and indices": [r"$a_{10} = 4$", r"$\log_2 8 = 3$", r"$\sum_{i=1}^{3} 4 = 12$"],
    "ellipses": ["1 + 2 + ... + 10 = 55", r"$1 + \dots + 10 = 55$"],
    "decimal commas": ["3,5 + 1,5 = 5"],
    "labels": ["Day 2 - 3 * 4 = 12 apples", "8 batches = 5.5 * 8"],
}


@pytest.mark.parametrize("kind", TRUE)
def test_true_claims_are_checked(kind):
    for text in TRUE[kind]:
        report = check_steps(text, given="")
        assert report.checked > 0, text
        assert not report.false, text


@pytest.mark.parametrize(("text", "claimed", "value"), FALSE)
def test_a_false_claim_is_reported_with_its_value(text, claimed, value):
    report = check_steps(text, given="")
    assert [(step.claimed, step.value) for step in report.false] == [(claimed, value)]


@pytest.mark.parametrize("kind", NO_CLAIMS)
def test_what_cannot_be_decided_is_not_false(kind):
    for text in NO_CLAIMS[kind]:
        report = check_steps(text, given="")
        assert (report.checked, report.false) == (0, ()), text


def test_each_equation_of_a_text_counts():
    report = check_steps("36 - 10 = 26; 26 - 22 = 4; 4 - 5 = 2\n#### 2", given="")
    assert report.checked == 3
    assert [step.text for step in report.false] == ["4 - 5 = 2"]


@pytest.mark.parametrize("result", ["14", "16", "150", "7"])
@pytest.mark.parametrize(
    "text",
    [
        "So, 5 × 3 = **{}** apples.",
        r"\(5 \times 3 = \boxed{{{}}}\)",
        "- 5 * 3 = {}",
        "She pays $5 x 3 = ${} for them.",
        "There are 5 + 10 = {} candy bars left.",
        "At first, there were 45/3={} chairs, which are not new.",
        "5 times 3 is {}.",
    ],
)
def test_a_changed_result_is_found_in_any_notation(text, result):
    assert not check_steps(text.format("15"), given="").false
    assert check_steps(text.format(result), given="").false


@pytest.mark.parametrize("result", ["15", "16"])
@pytest.mark.parametrize(
    "text",
    [
        "So, 5 × 3 = **{}**.",
        "5 × 3 = **{}**!",
        "5 × 3 = **{}**...",
        "So 5 × 3 = *{}*, and then",
        "So 5 × 3 = __{}__,",
        "_5 × 3 = {}_.",
        "Thus, **5 × 3 = {}**.",
        "Thus, **5 × 3** = **{}**.",
        "**5 * 3 = {}**.",
        "So, *5* × *3* = *{}*.",
        "**5*3** = **{}**.",
        "**Answer: 5 × 3 = {}**",
        "1. **5 × 3 = {}**.",
        "> 5 × 3 = **{}**.",
        "* 5 × 3 = **{}** (total)",
        "So, 5 × 3 = **${}**.",
        r"So, \$5 × 3 = **\${}**.",
        "5 × 3 = {} → **so {} apples**.",
        "So **5 times 3** is *{}*!",
    ],
)
def test_emphasis_and_punctuation_hide_no_claim(text, result):
    report = check_steps(text.format(result, result), given="")
    assert (report.checked, bool(report.false)) == (1, result == "16")


@pytest.mark.parametrize(
    "text",
    [
        "5 × 3 = 16?",
        "So 5 × 3 = 16, right?",
        "**5 × 3 = 16?**",
        "5 times 3 is 16?",
        "5 × 3 = 16? So she has 16 apples.",
        "She has 5 × 3 = 16 apples, so how many are left?",
        "If 5 × 3 = 16, then 16 + 2 = 18.",
        "Assume that 5 × 3 = 16; 16 + 2 = 18.",
        "If 5 × 3 = 16, she has 16 apples.\n#### 16",
    ],
)
def test_a_question_mark_or_a_condition_takes_back_no_result_that_the_text_uses(text):
    assert [step.value for step in check_steps(text, given="").false] == ["15"]


@pytest.mark.parametrize(
    ("text", "checked", "false"),
    [
        ("48/2 = <<48/2=24>>24", 1, 0),
        ("48 clips/2 = <<48/2=24>>24 clips", 1, 0),
        ("$1,000*2 = $<<1000*2=2000>>2,000", 1, 0),
        ("5*3=<<5*3=15>>15+2 = <<15+2=17>>17", 2, 0),
        ("half of 48 is <<48/2=24>>24", 1, 0),
        ("x <<48/2=24>>", 1, 0),
        ("48/2 = <<48/2=25>>25", 1, 1),
        ("48/2 = <<48/2=25>>24", 2, 1),
        ("48/2 = <<48/2=24>>25", 2, 1),
    ],
)
def test_a_calculator_note_that_repeats_its_equation_counts_once(text, checked, false):
    report = check_steps(text, given="")
    assert (report.checked, len(report.false)) == (checked, false)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("26 + 5 = 31; 31 zorb = 65", ("31 zorb = 65",)),
        ("With the zorb it is 31 zorb = 65. Then 65 - 5 = 60.", ("31 zorb = 65",)),
        ("That is 3 boxes = 36 eggs.", ("3 boxes = 36",)),
        ("26 + 5 = 31", ()),
        ("26 + 5 = 32", ()),
        ("so x = 5", ()),
        ("1 km = 1000 m", ()),
    ],
)
def test_an_equation_that_no_reading_decides_is_open(text: str, expected: tuple[str, ...]) -> None:
    assert check_steps(text, "").open == expected
