"""The default prompts, character for character: published results were made with them."""

import pytest

from reward import CONVENTIONS
from rewriter_agent.config.prompts import PromptsConfig
from rewriter_agent.data.prompts import Prompts, qa_messages, read_prompts, rewrite_messages

BLOCK = "```python\ndef f():\n    return 1\n```"
BEFORE = "How many?\n\nNotes:\nNine and nine make "
AFTER = "\n\nAnswer the question in your own words. Use short steps. "
LAST = "End with a last line of the form: "
# The answer; the expert's last line; the form asked for; the ending of a rewrite if the answer is shown; the number and
# the last line in the solution if it is not.
GOLDEN = {
    "####": ("18", "#### 18", f"{LAST}#### answer", "End with this last line: #### 18", "___.\n#### ___"),
    "boxed": (
        "18",
        "\\boxed{18}",
        "End with the final answer inside \\boxed{}.",
        "End with this last line: \\boxed{18}",
        "___.\n\\boxed{___}",
    ),
    "answer_is": (
        "18",
        "The answer is 18.",
        f"{LAST}The answer is X.",
        "End with this last line: The answer is 18.",
        "___.\nThe answer is ___.",
    ),
    "plain": (
        "18",
        "The answer is 18.",
        f"{LAST}The answer is X.",
        "End with this last line: The answer is 18.",
        "___.\nThe answer is ___.",
    ),
    "choice": (
        "B",
        "The answer is (B).",
        f"{LAST}The answer is (X).",
        "End with this last line: The answer is (B).",
        "18.\nThe answer is (___).",
    ),
    "text": (
        "the blue whale",
        "The answer is the blue whale.",
        "Answer in a few words, in a last line of the form: The answer is X.",
        "End with this last line: The answer is the blue whale.",
        "18.\nThe answer is ___.",
    ),
    "contains": ("18", "18", "Answer in one sentence.", "Include these words: 18", None),
    "json": (
        '{"a": [1, 2]}',
        '```json\n{"a": [1, 2]}\n```',
        "End with the answer as JSON in a code block that begins with ```json.",
        'End with this:\n```json\n{"a": [1, 2]}\n```',
        "18.\n```json\n___\n```",
    ),
    "python": (
        "assert f() == 1",
        BLOCK,
        "End with the whole program in a code block that begins with ```python.",
        "End with the whole program in a code block that begins with ```python.",
        None,
    ),
    "reference": ("Nine and nine make 18.", "So it is.", "", "", None),
    "tool_calls": (
        '<tool_call>{"name": "f"}</tool_call>',
        '<tool_call>{"name": "f"}</tool_call>',
        "",
        'End with this last line: <tool_call>{"name": "f"}</tool_call>',
        None,
    ),
}


def test_every_convention_has_its_prompts_here() -> None:
    assert tuple(GOLDEN) == CONVENTIONS


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("show_answer", [True, False])
def test_prompts_are_as_they_have_always_been(convention: str, show_answer: bool) -> None:
    answer, statement, asked, ending, masked = GOLDEN[convention]
    question = f"How many?\n\n{asked}".strip()
    assert qa_messages("How many?", convention) == [{"role": "user", "content": question}]
    config = PromptsConfig(show_answer=show_answer)
    is_masked = not show_answer and masked is not None
    told = f"{BEFORE}{masked}{AFTER}{asked}" if is_masked else f"{BEFORE}18.\n{statement}{AFTER}{ending}"
    solution = f"Nine and nine make 18.\n{statement}"
    for prompts in (read_prompts(config, convention), Prompts(show_answer=show_answer)):
        messages = rewrite_messages("How many?", solution, answer, convention, prompts=prompts)
        assert messages == [{"role": "user", "content": told.strip()}]


@pytest.mark.parametrize(
    "text", ["a\r\nb", "{{ answer }} {% if x %}", "{# no #}\n\n", "中文\u2028\ttab", "a <b> & 'c'"]
)
def test_texts_are_filled_in_character_for_character(text: str) -> None:
    [message] = rewrite_messages("How many?", f"{text}\n#### 18", "18", "####")
    assert message["content"] == (
        f"How many?\n\nNotes:\n{text}\n#### 18{AFTER}End with this last line: #### 18"
    )
