import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.answers.extract.final_answer import clean_answer, extract_marked, strip_answer_line

RENDERED = {
    "boxed": "\\boxed{{{}}}",
    "####": "#### {}",
    "answer_is": "The answer is {}",
    "plain": "The answer is {}",
}
_FRAGMENTS = r"\boxed{ } { $ ** . , : = answer is #### 5 -3 x \frac{1}{2} \ ! which ( )"
FRAGMENTS = [*_FRAGMENTS.split(), "\n"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She sells 9 * 2 = 18.\n#### 18", "18"),
        ("#### 3\nno, again\n#### 1,234", "1,234"),
        ("so #### 18", "18"),
        ("####18", "18"),
        ("#### $18.", "$18"),
        ("#### **18**\n", "18"),
        ("#### Monday", "Monday"),
        ("#### $\\frac{1}{2}$", "\\frac{1}{2}"),
        ("#### 18 dollars", "18 dollars"),
        (r"#### \boxed{18} dollars", "18"),
        ("#### The answer is 18", "18"),
        ("##### 18", None),
        ("####", None),
        ("#### 18\n####", None),
        ("The answer is 18.", None),
        ("", None),
    ],
)
def test_hash_convention(text: str, answer: str | None) -> None:
    assert extract_marked(text, "####") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"Thus $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{7}, or rather \boxed{\frac{1}{3}}", r"\frac{1}{3}"),
        (r"\fbox{12}", "12"),
        (r"\boxed {\text{(B)}}", r"\text{(B)}"),
        (r"\boxed{\left\{1, 2\right\}}", r"\left\{1, 2\right\}"),
        (r"\boxed{1\}2}", r"1\}2"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{x = \fbox{5}}", "x = 5"),
        (r"\boxed 5", "5"),
        (r"\boxed\pi.", r"\pi"),
        (r"\boxed{$18.$}", "18"),
        (r"\boxed{5} and \boxed{6", None),
        (r"\boxed{5} and \boxed{ }", None),
        (r"\boxed{\boxed{}}", None),
        (r"\boxed{}", None),
        (r"\boxed", None),
        ("18", None),
    ],
)
def test_boxed_convention_walks_braces_of_the_last_box(text: str, answer: str | None) -> None:
    assert extract_marked(text, "boxed") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("**Answer:** 18", "18"),
        ("The answer is **18**.", "18"),
        ("**The answer is 18.**", "18"),
        ("The final answer is: $x^2$. Done.", "x^2"),
        ("answer = 3.5. ok", "3.5"),
        ("THE ANSWER IS .5.", ".5"),
        ("The answer is 18, because 9*2 = 18", "18"),
        ("The answer is 18, which is even.", "18"),
        (r"the answer is \boxed{18}, so", "18"),
        ("The answer is 1, 2, and 3.", "1, 2, and 3"),
        ("The answer is:\n\n$$5$$", "5"),
        ("answer is 5. answer: 7", "7"),
        ("The answer is 1, 2, 3, ...", "1, 2, 3, ..."),
        ("The answer is 5!", "5!"),
        ("The answer is Paris!", "Paris"),
        (r"The answer is \boxed{18", None),
        ("the answer is", None),
        ("answering is 5", None),
        ("**Answer:**\n\n$$\n5\n$$", "5"),
        ("The answer is\n\\[\nx =\n5\n\\]\nDone.", "x = 5"),
        ("Answer:\n```text\n5\n```", "5"),
        ("The answer is $$5$$ or $$6$$", "$$5$$ or $$6$$"),
        ("The answer is therefore 5.", "5"),
        ("The answer is then simply: **5**.", "5"),
        ("The answer is Just Do It.", "Just Do It"),
        ("The answer is 5.<|im_end|>\n", "5"),
        ("The answer is 5</s>", "5"),
    ],
)
def test_answer_is_convention(text: str, answer: str | None) -> None:
    assert extract_marked(text, "answer_is") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 = 7.\nThe answer is 7.", "7"),
        ("So, the final answer is: $x^2$.", "x^2"),
        ("Answer: 3/4", "3/4"),
        ("We add.\n\n1,250", "1,250"),
        ("We add.\n18 cm.", "18 cm"),
        ("We add.\n$\\frac{1}{2}$", "\\frac{1}{2}"),
        ("We add.\n\\[\nx^2\n\\]", "x^2"),
        ("We add.\n**50%**", "50%"),
        ("The answer is 7 apples.", "7 apples"),
        ("The answer is 7.\nWait, let me check.", None),
        ("We add.\nx = 5", "x = 5"),
        ("We add.\n= 5", "5"),
        ("We add.\nTotal = 2+3 = 5", "Total = 2+3 = 5"),
        ("We add.\n```\n5\n```", "5"),
        ("We add.\n5\n</s>", "5"),
        ("He has 7", None),
        ("so a = b", None),
        ("A dog", None),
        ("2x", None),
        ("Done", None),
    ],
)
def test_plain_convention(text: str, answer: str | None) -> None:
    assert extract_marked(text, "plain") == answer


@pytest.mark.parametrize(
    ("text", "convention", "answer"),
    [
        ("It is 12, then 18 dollars", "####", "18"),
        ("so \\boxed{5} dollars, 6 of them", "####", "5"),
        ("the answer is 7.\nBye", "plain", "7"),
        ("it is -5.", "boxed", "-5"),
        ("from 12-5", "boxed", None),
        ("costs $1,234.50.", "boxed", "$1,234.50"),
        ("so $18$", "boxed", "18"),
        (r"so $\frac{3}{4}$.", "boxed", r"\frac{3}{4}"),
        ("is 1 1/2.", "boxed", "1 1/2"),
        ("so 3 4", "boxed", "4"),
        ("so 50%.", "boxed", "50%"),
        ("{answer: 5}", "boxed", "5"),
        ("nothing", "boxed", None),
    ],
)
def test_lenient_mode_falls_back_if_strict_finds_nothing(
    text: str, convention: str, answer: str | None
) -> None:
    assert extract_marked(text, convention) is None
    assert extract_marked(text, convention, strict=False) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"The area is $2\sqrt{3}$.", r"2\sqrt{3}"),
        (r"Hence \[\frac{\pi}{4}\]", r"\frac{\pi}{4}"),
        (r"It is \((1,2)\), so there.", "(1,2)"),
        ("$x+5$ it is", "x+5"),
        ("We know $a=1$, so it costs $5 or $6 in all", "$6"),
        ("$a_1$ is followed by 7", "7"),
        (r"We get \frac{\pi}{4}", r"\frac{\pi}{4}"),
        (r"It is \frac{\pi}{4}.", r"\frac{\pi}{4}"),
        ("It is (1, 2).", "(1, 2)"),
        ("It is 2^10", "2^10"),
        ("so x = sqrt(3)", "sqrt(3)"),
        ("2 + 3 = 5x", "5x"),
        ("It is x + 5.", "x + 5"),
        ("It is 5 - 3", "5 - 3"),
        ("12 - 7 = 5", "5"),
        ("2+3=5", "5"),
        ("He added x+5", None),
        ("from 10 - 5", None),
        ("the points (1, 2)", None),
        ("we saw x > 5", None),
        ("it leaves at 12:30", None),
        ("It is 12:30", "12:30"),
        ("made of H2O", None),
        ("in total 12km", "12km"),
        ("It is 2x", "2x"),
        ("is (-12).", "-12"),
        ("(see Problem 7).", "7"),
        ("Total - 5 dogs", "- 5"),
        ("It is ½.", "½"),
        ("It is 3 4.5", "4.5"),
        ("<b>5</b>", "5"),
        ("It is 5<|im_end|>", "5"),
    ],
)
def test_last_number_is_taken_with_its_unit_and_signs(text: str, answer: str | None) -> None:
    assert extract_marked(text, "boxed", strict=False) == answer


def test_unknown_convention_is_named_with_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match="'xml' marks no answer; allowed: boxed, ####, answer_is, plain"):
        extract_marked("1", "xml")


@given(
    st.lists(st.sampled_from(FRAGMENTS)),
    st.sampled_from(sorted(RENDERED)),
    st.booleans(),
)
def test_extraction_from_its_own_result_finds_the_same(
    pieces: list[str], convention: str, strict: bool
) -> None:
    answer = extract_marked(" ".join(pieces), convention, strict=strict)
    assert answer != ""
    if answer is not None and "\n" not in answer:
        assert extract_marked(RENDERED[convention].format(answer), convention) == answer


@pytest.mark.parametrize(
    "unit",
    [
        "\\boxed{",
        "answer is ",
        "#### ",
        "$",
        "1",
        "1,234",
        "**",
        "1 ",
        "-",
        ".",
        "{",
        " ",
        "answer is **a",
        "answer is \n",
        "answer:\n$$\n",
        "\\(1 ",
        "$1 ",
        "$a\n",
        "(1 ",
        "1 + ",
        "1+",
        "[(1",
        "</s>",
        "=",
        "\\boxed{}",
    ],
)
def test_a_long_text_takes_seconds_at_most(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    started = time.process_time()
    for convention in RENDERED:
        extract_marked(text, convention, strict=False)
    # A quadratic scan takes minutes.
    assert time.process_time() - started < 30


def test_clean_answer_keeps_currency_factorials_and_inner_delimiters() -> None:
    assert clean_answer(" $18. ") == "$18"
    assert clean_answer("**$5$**") == "5"
    assert clean_answer("5!") == "5!"
    assert clean_answer("Paris!") == "Paris"
    assert clean_answer("1, 2, ...") == "1, 2, ..."
    assert clean_answer("$5$ and $6$") == "$5$ and $6$"


@given(st.text(alphabet="$*_`.,:;! \\()[]a1", max_size=30))
def test_clean_answer_is_idempotent(text: str) -> None:
    assert clean_answer(clean_answer(text)) == clean_answer(text)


def test_strip_answer_line_leaves_reasoning_alone() -> None:
    assert strip_answer_line("a b\n#### 5\n") == "a b"
    assert strip_answer_line("a b\n$\\boxed{5}$") == "a b"
    assert strip_answer_line("a b\nSo the answer is 5.") == "a b"
    assert strip_answer_line("a b\nso we get \\boxed{5}") == "a b\nso we get \\boxed{5}"
