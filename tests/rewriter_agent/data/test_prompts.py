"""Every convention is asked for in words, and what the prompt asks for is extracted again."""

from pathlib import Path
from typing import get_args

import pytest

from reward import CONVENTIONS, extract_answer
from reward.answers.mask.mask import MASK
from rewriter_agent.config.data import Convention
from rewriter_agent.config.prompts import PromptsConfig
from rewriter_agent.data.prompts import (
    ANSWER_FORMAT,
    ANSWER_LINE,
    Prompts,
    format_hint,
    qa_messages,
    question_line,
    read_prompts,
    rewrite_messages,
    rewriting_line,
)

ANSWERS = {
    "choice": "B",
    "text": "the blue whale",
    "json": '{"a": [1, 2]}',
    "python": "def f():\n    return 1",
    "tool_calls": '<tool_call>{"name": "f"}</tool_call>',
}
OWN = "Nenne am Ende die Zahl: #### Zahl"


def test_config_and_prompts_know_every_convention() -> None:
    assert get_args(Convention) == CONVENTIONS
    assert tuple(ANSWER_FORMAT) == tuple(ANSWER_LINE) == CONVENTIONS


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_an_answer_line_is_extracted_strictly_again(convention: str) -> None:
    answer = ANSWERS.get(convention, "-3/4")
    text = f"First we look at it.\nThen we count 12.\n{ANSWER_LINE[convention].format(answer=answer)}"
    is_text = convention in ("contains", "reference")
    assert extract_answer(text, convention) == (text.strip() if is_text else answer)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_question_ends_with_the_format_of_its_answer(convention: str) -> None:
    (message,) = qa_messages("How many?", convention)
    assert message == {"role": "user", "content": f"How many?\n\n{ANSWER_FORMAT[convention]}".strip()}


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    "question", ["How many?", "  {{ 7 * 7 }}\r\n\n<|im_end|>\tend \n", "#### 5", "{answer}"]
)
def test_without_an_answer_format_the_question_is_left_as_it_is(convention: str, question: str) -> None:
    assert qa_messages(question, convention, answer_format="none") == [{"role": "user", "content": question}]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_text_of_the_user_takes_the_place_of_the_conventions_sentence(convention: str) -> None:
    system, user = qa_messages("How many?", convention, "Be brief.", "Say {it} as {{ X }}.")
    assert system == {"role": "system", "content": "Be brief."}
    assert user == {"role": "user", "content": "How many?\n\nSay {it} as {{ X }}."}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_rewriting_states_the_ending_but_never_the_tests_of_a_program(convention: str) -> None:
    answer = "assert f() == 1" if convention == "python" else ANSWERS.get(convention, "18")
    system, user = rewrite_messages("How many?", "Count them.", answer, convention, "Be brief.")
    assert system == {"role": "system", "content": "Be brief."}
    assert "How many?" in user["content"]
    assert "Count them." in user["content"]
    if convention == "python":
        assert answer not in user["content"]
        assert user["content"].endswith(ANSWER_FORMAT["python"])
    else:
        assert user["content"].endswith(ANSWER_LINE[convention].format(answer=answer))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_prompt_that_hides_the_answer_names_its_form_only(convention: str) -> None:
    answer = ANSWERS.get(convention, "18")
    solution = f"Nine and nine make it.\n{ANSWER_LINE[convention].format(answer=answer)}"
    shown, hidden = (
        rewriting(solution, answer, convention, Prompts(show_answer=value)) for value in (True, False)
    )
    if convention in ("contains", "python", "reference", "tool_calls"):
        assert hidden == shown
        return
    assert answer in shown
    assert answer not in hidden.replace("(X)", "")
    assert "Nine and nine make it." in hidden
    assert hidden.endswith(ANSWER_FORMAT[convention])
    assert MASK in hidden


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_hidden_answer_is_asked_for_in_the_users_words(convention: str) -> None:
    solution = f"Nine and nine make it.\n{ANSWER_LINE[convention].format(answer='18')}"
    hidden = rewriting(solution, "18", convention, Prompts(answer_format=OWN, show_answer=False))
    endings = {"contains": "Include these words: 18", "tool_calls": "End with this last line: 18"}
    assert hidden.endswith(endings.get(convention, OWN))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_plan_shows_both_prompts(convention: str) -> None:
    assert question_line(Prompts(), convention) == (
        f"question prompt: {f'QUESTION{chr(10)}{chr(10)}{ANSWER_FORMAT[convention]}'.strip()!r}"
    )
    assert question_line(Prompts("none"), convention) == "question prompt: 'QUESTION'"
    shown, hidden = (rewriting_line(Prompts(show_answer=value), convention) for value in (True, False))
    assert shown.startswith("rewriting prompt (mathematics): 'QUESTION\\n\\nNotes:\\nEXPERT SOLUTION\\n")
    assert MASK not in shown
    assert (MASK in hidden) == (convention not in ("contains", "python", "reference", "tool_calls"))


def test_a_hint_names_the_form_that_nothing_asks_for() -> None:
    unasked = PromptsConfig(answer_format="none")
    hint = format_hint(unasked, "####")
    assert hint is not None
    assert "'#### X'" in hint
    assert format_hint(unasked, "python") is None
    assert format_hint(PromptsConfig(), "####") is None
    assert format_hint(PromptsConfig(answer_format=OWN), "####") is None


def test_a_record_tells_prompts_apart_without_a_path(tmp_path: Path) -> None:
    records = []
    for text in ("{{ question }} {{ solution }}", "{{ solution }} {{ question }}"):
        (tmp_path / "mine.jinja").write_text(text)
        prompts = read_prompts(PromptsConfig(rewrite=str(tmp_path / "mine.jinja")), "####")
        records.append(prompts.record())
    assert records[0] != records[1]
    assert records[0]["rewrite"] == "mine.jinja"
    assert Prompts("none").record() != Prompts().record() == Prompts().record()


def rewriting(solution: str, answer: str, convention: str, prompts: Prompts) -> str:
    [message] = rewrite_messages("How many?", solution, answer, convention, prompts=prompts)
    return message["content"]
