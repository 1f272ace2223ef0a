"""Convention `choice`: extraction of the letter, and equality of two letters."""

import pytest

from reward.answers.formats.choice import decide, extract
from reward.config import RewardConfig
from reward.types import Check, Verdict

NAMES_B = [
    "B",
    "b",
    "[B]",
    "Ｂ",
    "option (B)",
    'The answer is "B".',
    "The answer is 'B'",
    "The answer is “B”",
    "The answer is [B].",
    "The answer is Ⓑ",
    "The answer would be B",
    "The answer is therefore (B).",
    "The answer is B<|eot_id|>",
    '{"answer": "B"}',
    "B is the correct answer.",
    "Hence, option (b) is correct.",
    "(B)",
    "B.",
    "**B**",
    "So it is Paris.\n(b)",
    "The answer is (B).",
    "The answer is (b)",
    "the answer is b",
    "answer: B",
    "**Answer:** B",
    "**Answer: B**",
    "Final Answer: The final answer is B",
    "The answer is:\n\nB",
    "The answer is B. Paris",
    "The answer is B: Paris",
    "The answer is B - Paris",
    "The answer is (B) Paris",
    "(B) Paris",
    "The answer is B because A is too cold.",
    "The answer is B, not A.",
    "The correct option is (B).",
    r"\boxed{B}",
    r"\boxed{b}",
    r"\boxed{\text{(B)}}",
    r"\textbf{(B)}",
    r"So it is $\textbf{(B)}\ 18$.",
    r"The answer is \boxed{B}.",
    r"The answer is: $\boxed{B}$. I hope it is correct.",
    r"First \boxed{A}, but then \boxed{B}",
    r"\boxed{A} was my guess. The answer is B",
    "The answer is A. No, the answer is B.",
]


@pytest.mark.parametrize("text", NAMES_B)
def test_a_text_that_names_b(text: str) -> None:
    assert extract(text, strict=True) == "B"
    assert extract(text, strict=False) == "B"


NAMES_NONE = [
    "",
    "Think.\nb",
    "If so, option B is correct.",
    "option B is not correct.",
    "K",
    "Paris",
    "A or B",
    "The answer is A or B",
    "The answer is (A) or (B)",
    "The answer is (A) and (C).",
    "The answer is A, B and C",
    "The answer is A good one",
    "The answer is a good one",
    "The answer is not B",
    "The answer isn't B",
    "The answer is K",
    r"\boxed{A, B}",
    r"\boxed{AB}",
    r"\boxed{}",
    "Options:\n(A) Rome\n(B) Paris",
    r"\textbf{(A)} 1 \qquad \textbf{(B)} 2",
    "J. K. Rowling",
    "A cat sat there.",
    "I think it is B. I am sure",
]


@pytest.mark.parametrize("text", NAMES_NONE)
def test_a_text_that_names_no_letter_strictly(text: str) -> None:
    assert extract(text, strict=True) is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("I think it is B. I am sure", "B"),
        ("Either (A) or (c), I guess", "C"),
        ("D is a good one.", "D"),
        ("A is correct.", "A"),
        ("I am sure. A cat sat there.", None),
        ("Paris", None),
    ],
)
def test_lenient_takes_the_last_letter_that_stands_alone(text: str, letter: str | None) -> None:
    assert extract(text, strict=False) == letter


@pytest.mark.parametrize("letter", "ABCDEFGHIJ")
def test_every_letter_is_extracted_again_from_itself(letter: str) -> None:
    assert extract(letter, strict=True) == extract(f"The answer is ({letter}).", strict=True) == letter


@pytest.mark.parametrize(
    ("gold", "answer", "verdict"),
    [
        ("B", "B", Verdict.EQUAL),
        ("B", "(b)", Verdict.EQUAL),
        (r"\text{(B)}", "B.", Verdict.EQUAL),
        ("B. Paris", "B", Verdict.EQUAL),
        ("A", "B", Verdict.DIFFERENT),
        ("A", "A or B", Verdict.DIFFERENT),
        ("A", "18", Verdict.DIFFERENT),
    ],
)
def test_letters_are_compared_without_case_and_brackets(gold: str, answer: str, verdict: Verdict) -> None:
    assert decide(Check(gold, answer, "choice"), RewardConfig()) == (verdict, None)


def test_a_gold_that_is_no_letter_is_refused() -> None:
    assert decide(Check("Paris", "A", "choice"), RewardConfig()) == (Verdict.UNDECIDED, "invalid_gold")
