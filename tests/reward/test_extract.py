import pytest

from reward import extract_answer
from reward.extract import clean_answer, strip_answer_line


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She sells 9 * 2 = 18.\n#### 18", "18"),
        ("#### 3\nno, again\n#### 1,234", "1,234"),
        ("#### $18.", "$18"),
        ("#### **18**\n", "18"),
        ("#### Monday", "Monday"),
        ("#### $\\frac{1}{2}$", "\\frac{1}{2}"),
        ("so #### 18", None),
        ("##### 18", None),
        ("#### 18 dollars", None),
        ("#### The answer is 18", None),
        ("####", None),
        ("#### 18\n####", None),
        ("The answer is 18.", None),
        ("", None),
    ],
)
def test_hash_convention(text: str, answer: str | None) -> None:
    assert extract_answer(text, "####") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"Thus $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{7}, or rather \boxed{\frac{1}{3}}", r"\frac{1}{3}"),
        (r"\fbox{12}", "12"),
        (r"\boxed {\text{(B)}}", r"\text{(B)}"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{5} and \boxed{6", None),
        (r"\boxed{}", None),
        (r"\boxed 5", None),
        ("18", None),
    ],
)
def test_boxed_convention_walks_braces_of_the_last_box(text: str, answer: str | None) -> None:
    assert extract_answer(text, "boxed") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 = 7.\nThe answer is 7.", "7"),
        ("So, the final answer is: $x^2$.", "x^2"),
        ("Answer: 3/4", "3/4"),
        ("We add.\n\n1,250", "1,250"),
        ("We add.\n$\\frac{1}{2}$", "\\frac{1}{2}"),
        ("The answer is 7.\nWait, let me check.", None),
        ("The answer is 7 apples.", None),
        ("He has 7", None),
        ("Done", None),
    ],
)
def test_plain_convention(text: str, answer: str | None) -> None:
    assert extract_answer(text, "plain") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Ice melts.\nThe answer is (B).", "B"),
        ("The answer is: C", "C"),
        ("The answer is **(d)**", "D"),
        ("Because.\nA", "A"),
        ("The answer is a", None),
        ("The answer is (B) or (C).", None),
        ("A dog.", None),
    ],
)
def test_choice_convention(text: str, answer: str | None) -> None:
    assert extract_answer(text, "choice") == answer


@pytest.mark.parametrize(
    ("text", "convention", "answer"),
    [
        ("It is 12, then 18 dollars", "####", "18"),
        ("so \\boxed{5} dollars, 6 of them", "####", "5"),
        ("the answer is 7.\nBye", "plain", "7"),
        ("I pick (B), surely", "choice", "B"),
        ("nothing", "boxed", None),
    ],
)
def test_lenient_mode_falls_back_where_strict_finds_nothing(
    text: str, convention: str, answer: str | None
) -> None:
    assert extract_answer(text, convention) is None
    assert extract_answer(text, convention, strict=False) == answer


def test_unknown_convention_is_named_with_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match="'xml' is unknown; allowed: ####, boxed, plain, choice"):
        extract_answer("1", "xml")


def test_clean_answer_keeps_currency_and_inner_delimiters() -> None:
    assert clean_answer(" $18. ") == "$18"
    assert clean_answer("**$5$**") == "5"
    assert clean_answer("$5$ and $6$") == "$5$ and $6$"


def test_strip_answer_line_leaves_reasoning_alone() -> None:
    assert strip_answer_line("a b\n#### 5\n") == "a b"
    assert strip_answer_line("a b\n$\\boxed{5}$") == "a b"
    assert strip_answer_line("a b\nso we get \\boxed{5}") == "a b\nso we get \\boxed{5}"
