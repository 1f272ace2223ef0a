"""Registry of conventions: one entry point for extraction, deciding and comparing."""

import time
from collections.abc import Callable

import pytest

from reward.answers.conventions import CONVENTIONS, compare, decide, extract_answer
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

CONFIG = RewardConfig()
STATED = {
    "####": "Add them.\n#### 18",
    "boxed": r"Add them: \boxed{18}.",
    "answer_is": "Add them. The answer is 18.",
    "plain": "Add them.\nThe answer is 18.",
    "choice": "Paris.\nThe answer is (B).",
    "text": "It is hot.\nThe answer is Paris.",
    "contains": "It is hot in Paris.",
    "json": 'Here:\n```json\n{"a": 1}\n```',
    "python": "So:\n```python\nx = 1\n```",
    "reference": "It is hot in Paris, 40 degrees.",
    "tool_calls": 'Let me see.\n<tool_call>\n{"name": "f"}\n</tool_call>\n',
}
ANSWERS = {
    "choice": "B",
    "text": "Paris",
    "contains": "It is hot in Paris.",
    "json": '{"a": 1}',
    "python": "x = 1",
    "reference": "It is hot in Paris, 40 degrees.",
    "tool_calls": '<tool_call>\n{"name": "f"}\n</tool_call>',
}


def test_the_conventions_are_those_documented() -> None:
    assert CONVENTIONS == (
        "####",
        "boxed",
        "answer_is",
        "plain",
        "choice",
        "text",
        "contains",
        "json",
        "python",
        "reference",
        "tool_calls",
    )


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention_finds_its_answer(convention: str) -> None:
    expected = ANSWERS.get(convention, "18")
    assert extract_answer(STATED[convention], convention) == expected
    assert extract_answer(STATED[convention], convention, strict=False) == expected


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_an_empty_text_states_no_answer(convention: str) -> None:
    for text in ("", " \n\t"):
        assert extract_answer(text, convention) is None
        assert extract_answer(text, convention, strict=False) is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda: extract_answer("5", "hash"),
        lambda: decide(Check("5", "5", "hash"), CONFIG),
        lambda: compare(Check("5", "5", "hash"), CONFIG),
    ],
)
def test_an_unknown_convention_names_the_allowed_ones(ask: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="'hash' is unknown; allowed: ####, boxed, answer_is, plain, choice"):
        ask()


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check("18", "18.0", "boxed"), (Verdict.EQUAL, None)),
        (Check("18", "19", "####"), (Verdict.DIFFERENT, None)),
        (Check("B", "(b)", "choice"), (Verdict.EQUAL, None)),
        (Check("Paris", "paris", "text"), (Verdict.EQUAL, None)),
        (Check("Paris", "In paris.", "contains"), (Verdict.EQUAL, None)),
        (Check("It is 5.", "It's 5!", "reference"), (Verdict.EQUAL, None)),
        (Check("It is 5.", "It's 6!", "reference"), (Verdict.DIFFERENT, "coverage")),
        (Check("<!-- 5 -->", "It's 6!", "reference"), (Verdict.UNDECIDED, "invalid_gold")),
        (Check('{"a": 1}', '{"a": true}', "json"), (Verdict.DIFFERENT, None)),
        (Check("{", "1", "json"), (Verdict.UNDECIDED, "invalid_gold")),
        (Check(" ", "18", "boxed"), (Verdict.UNDECIDED, "invalid_gold")),
    ],
)
def test_what_needs_no_sandbox_is_decided_here(
    check: Check, expected: tuple[Verdict, GradeReason | None]
) -> None:
    assert decide(check, CONFIG) == expected
    assert compare(check, CONFIG) == expected


@pytest.mark.parametrize(
    ("check", "config"),
    [
        (Check(r"\sqrt{8}", r"2\sqrt{2}", "boxed"), CONFIG),
        (Check("1", "1", "json"), RewardConfig(json_schema={"type": "integer"})),
        (Check('{"name": "f"}', '[{"name": "f", "arguments": {}}]', "tool_calls"), CONFIG),
    ],
)
def test_what_needs_the_sandbox_is_not_decided_here(check: Check, config: RewardConfig) -> None:
    assert decide(check, config) is None
    assert compare(check, config) == (Verdict.EQUAL, None)


def test_programs_are_left_to_processes_of_their_own() -> None:
    check = Check("assert x == 1", "x = 1", "python")
    assert decide(check, CONFIG) is None
    with pytest.raises(AssertionError, match="processes of their own"):
        compare(check, CONFIG)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_answers_that_are_too_long_are_undecided(convention: str) -> None:
    config = RewardConfig(max_answer_chars=10)
    longest = 200 if convention in ("python", "reference", "tool_calls") else 10
    too_long = "1" * (longest + 1)
    assert decide(Check("1", too_long, convention), config) == (Verdict.UNDECIDED, "too_long")
    assert decide(Check(too_long, "1", convention), config) == (Verdict.UNDECIDED, "too_long")
    assert decide(Check("1" * longest, "1" * longest, convention), config) != (Verdict.UNDECIDED, "too_long")


@pytest.mark.parametrize("convention", ["####", "boxed", "answer_is", "plain", "text"])
def test_equal_texts_are_equal_at_any_length(convention: str) -> None:
    long = "12 " * 100_000
    assert decide(Check(long, f" {long}", convention), CONFIG) == (Verdict.EQUAL, None)


SIZE = 400_000
HOSTILE = [
    start + piece * (SIZE // len(piece)) + end
    for start, piece, end in (
        *(("", piece, "") for piece in ("[", '\\"', '{"', "{}", "```\n", "answer ", "answer is ", "#### ")),
        *(
            ("", piece, "")
            for piece in (r"\boxed{", r"\boxed", "$", "(", "*_", " ", "\n", "1,", "\x00\ud800")
        ),
        ("```", " ", "`"),
        ("answer is a.", "a.", ""),
        ("answer is A", ", ", ""),
        (r"\boxed{", "\\ ", "}"),
    )
]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_extraction_is_linear(text: str, convention: str) -> None:
    start = time.process_time()
    for strict in (True, False):
        answer = extract_answer(text, convention, strict=strict)
        assert answer != ""
        if answer is not None:
            decide(Check("5", answer, convention), CONFIG)
            decide(Check(answer, answer, convention), CONFIG)
    # A quadratic scan of as much text takes tens of seconds.
    assert time.process_time() - start < 10


def test_a_short_pair_is_decided_here_and_a_long_one_by_the_sandbox() -> None:
    config = RewardConfig()
    short = "+".join(["7^{9}"] * 10)
    hostile = "+".join(f"{prime}^{{-3000}}" for prime in (101, 103, 107, 109, 113, 127, 131, 137))
    assert decide(Check("5", short, "boxed"), config) is not None
    assert decide(Check("x", f"{hostile}+x", "boxed"), config) is None
    assert decide(Check(hostile, hostile, "boxed"), config) == (Verdict.EQUAL, None)
