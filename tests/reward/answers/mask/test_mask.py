"""No part of a masked solution gives the answer away, and what its steps need stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward import extract_answer
from reward.answers.conventions import decide
from reward.answers.mask.mask import MASK, mask_answer
from reward.config import RewardConfig
from reward.types import Check, Verdict

TANK = "A tank holds 21 liters. One part of 3 is left. Rain brings it to 15 times as much. Then 5 share it."


@pytest.mark.parametrize(
    ("convention", "answer", "solution", "masked"),
    [
        ("####", "111", "23 * 5 = 115; 115 - 4 = 111\n#### 111", "23 * 5 = 115; 115 - 4 = ___\n#### ___"),
        ("####", "1200", "She has $1,200.00 left.\n#### 1,200", "She has $___ left.\n#### ___"),
        ("####", "18", "So eighteen eggs, or 18% of it.\n#### 18", "So ___ eggs, or ___% of it.\n#### ___"),
        (
            "####",
            "-7",
            "It was -7 degrees: 3 - 10 = -7\n#### -7",
            "It was ___ degrees: 3 - 10 = ___\n#### ___",
        ),
        ("####", "4", "9 - 5 = 4. Check: 9 - 4 = 5\n#### 4", "9 - 5 = ___. Check: 9 - ___ = 5\n#### ___"),
        ("####", "24", "48/2 = 24 and 124 is more\n#### 24", "48/2 = ___ and 124 is more\n#### ___"),
        ("####", "67", "67 ⇐ 134 ⊘ 2\n134 ⇐ 57 ⊕ 77\n#### 67", "___ ⇐ 134 ⊘ 2\n134 ⇐ 57 ⊕ 77\n#### ___"),
        ("boxed", r"\frac{3}{4}", r"$\frac{6}{8} = \boxed{\frac{3}{4}}$", r"$\frac{6}{8} = \boxed{___}$"),
        ("boxed", "3/4", r"That is 0.75, so \boxed{\frac{3}{4}}.", r"That is ___, so \boxed{___}."),
        ("boxed", "x^2+1", r"Then $x^2+1 > 0$ and $\boxed{x^2+1}$", r"Then $___ > 0$ and $\boxed{___}$"),
        ("boxed", "(1,2)", r"We get x = 1 and \boxed{(1,2)}", r"We get x = 1 and \boxed{___}"),
        (
            "answer_is",
            "111",
            "The answer is 111, since 115 - 4 = 111.",
            "The answer is ___, since 115 - 4 = ___.",
        ),
        ("plain", "111", "We take 4 from 115.\n**111**", "We take 4 from 115.\n**___**"),
        (
            "choice",
            "B",
            "Option B fits, (A) not.\nThe answer is (B).",
            "Option ___ fits, (A) not.\nThe answer is (___).",
        ),
        (
            "text",
            "blue whale",
            "A Blue  Whale is.\nThe answer is the blue whale.",
            "A ___ is.\nThe answer is ___.",
        ),
        ("text", "no", "There is no gap, no.\nThe answer is no.", "There is no gap, no.\nThe answer is ___."),
        (
            "text",
            "鳥",
            "空を飛ぶのは鳥です。\nThe answer is 鳥.",
            "空を飛ぶのは___です。\nThe answer is ___.",
        ),
        (
            "boxed",
            "18",
            r"It is \$18, or $18\text{ dollars}$: \boxed{18}",
            r"It is \$___, or $___\text{ dollars}$: \boxed{___}",
        ),
        ("####", "−7", "3 - 10 = −7\n#### −7", "3 - 10 = ___\n#### ___"),
        ("json", '{"a": 1}', 'So a is 1.\n```json\n{"a": 1}\n```', "So a is 1.\n```json\n___\n```"),
    ],
)
def test_the_answer_is_hidden_wherever_it_is_given_away(
    convention: str, answer: str, solution: str, masked: str
) -> None:
    assert mask_answer("How many?", solution, answer, convention) == masked


@pytest.mark.parametrize(
    ("convention", "answer", "solution"),
    [
        ("contains", "Paris", "Paris is the capital of France."),
        ("python", "assert f() == 1", "```python\ndef f():\n    return 1\n```"),
        ("json", '{"a": 1}', '{"a": 1}'),
        ("json", '{"a": 1}', '```json\n{"a": 1}\n```'),
    ],
)
def test_a_solution_that_is_the_answer_cannot_be_masked(convention: str, answer: str, solution: str) -> None:
    assert mask_answer("Which?", solution, answer, convention) is None


@pytest.mark.parametrize(
    ("solution", "masked"),
    [
        ("21 / 3 = 7; 7 * 15 = 105; 105 / 5 = 21\n#### 21", "21 / 3 = 7; 7 * 15 = 105; 105 / 5 = ___\n#### ___"),
        ("105 / 5 = 21. Check: 21 * 5 = 105\n#### 21", "105 / 5 = ___. Check: ___ * 5 = 105\n#### ___"),
        ("21 over 3 is 7, and 105 over 5 is 21.\n#### 21", "21 over 3 is 7, and 105 over 5 is ___.\n#### ___"),
        ("Let x = 21. 21 / 3 = 7. 21 = 105 / 5\n#### 21", "Let x = 21. 21 / 3 = 7. ___ = 105 / 5\n#### ___"),
        ("From 21 we come back to 21.\n#### 21", "From 21 we come back to ___.\n#### ___"),
    ],
)  # fmt: skip
def test_numbers_of_the_question_stay_as_operands(solution: str, masked: str) -> None:
    assert mask_answer(TANK, solution, "21", "####") == masked


def test_the_text_of_a_choice_is_hidden_after_its_letter_only() -> None:
    question = "What makes oxygen?\n(A) rocks\n(B) plants"
    solution = "In the light plants make oxygen.\nThe answer is (B) plants."
    masked = "In the light plants make oxygen.\nThe answer is (___) ___."
    assert mask_answer(question, solution, "B", "choice") == masked


NUMBER = st.integers(0, 150)
OPERATOR = st.sampled_from("+-*")
FORMS = (
    "{a} {op} {b} = {c}",
    "{a}{op}{b} = ${c}.00",
    "So {a} {op} {b} is {c}",
    "{c} = {a} {op} {b}",
    "${a} {op} {b} = {c}$",
)
ENDINGS = {
    "####": ("#### {c}", "#### ${c}", "**#### {c}**"),
    "boxed": (r"\boxed{{{c}}}", r"Hence it is $\boxed{{{c}}}$.", r"\[\boxed{{{c}}}\]"),
    "answer_is": ("The answer is {c}.", "So the final answer is: **{c}**", "Answer: {c} dollars"),
    "plain": ("The answer is {c}.", "{c}", "= {c}"),
}
TAILS = ("", "\nSo there are {c} in all.", "\nThat is, {c}", "\n\n")


@st.composite
def worked_solutions(draw: st.DrawFn) -> tuple[str, str, str, str]:
    """Question, solution, answer and convention of a word problem with a chain of steps."""
    start = value = draw(NUMBER)
    asked, steps = [str(start)], []
    for _ in range(draw(st.integers(1, 5))):
        operator, operand = draw(OPERATOR), draw(NUMBER)
        after = {"+": value + operand, "-": value - operand, "*": value * operand}[operator]
        steps.append(draw(st.sampled_from(FORMS)).format(a=value, op=operator, b=operand, c=after))
        asked.append(str(operand))
        value = after
    convention = draw(st.sampled_from(list(ENDINGS)))
    ending = draw(st.sampled_from(ENDINGS[convention])).format(c=value)
    tail = draw(st.sampled_from(TAILS)).format(c=value) if convention != "plain" else ""
    text = draw(st.sampled_from(["; ", "\n", ". "])).join(steps) + tail + "\n" + ending
    return f"Tom has {', then '.join(asked)}. How many?", text, str(value), convention


@given(worked_solutions())
def test_no_reading_of_a_masked_solution_finds_the_answer(row: tuple[str, str, str, str]) -> None:
    question, solution, answer, convention = row
    masked = mask_answer(question, solution, answer, convention)
    assert masked not in (None, MASK)
    assert masked is not None
    for strict in (True, False):
        found = extract_answer(masked, convention, strict=strict)
        assert found is None or decide(Check(answer, found, convention), RewardConfig()) != (
            Verdict.EQUAL,
            None,
        )


@given(
    st.text(alphabet="12 +-=.$\\boxed{}#\n/A()"),
    st.sampled_from(["12", "1/2", "A", "(1, 2)"]),
    st.sampled_from(["####", "boxed", "answer_is", "plain", "choice", "text"]),
)
def test_any_text_can_be_masked(solution: str, answer: str, convention: str) -> None:
    masked = mask_answer("Is it 12?", solution, answer, convention)
    assert masked is not None
    found = extract_answer(masked, convention, strict=False)
    assert found is None or decide(Check(answer, found, convention), RewardConfig()) != (Verdict.EQUAL, None)


@pytest.mark.parametrize(
    "solution",
    [
        "1 " * 20_000,
        "1=" * 20_000,
        "$1" * 20_000,
        "1" * 100_000,
        "1e99999 = 1",
        "two hundred " * 10_000,
        "\\boxed{1}" * 5_000,
    ],
)
def test_hostile_solutions_are_masked_too(solution: str) -> None:
    for answer in ("1", "1" * 5_000, "1e99999"):
        assert mask_answer("Is it 1, or two?", solution, answer, "####") is not None
