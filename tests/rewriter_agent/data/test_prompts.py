"""Every convention is asked for in words, and what the prompt asks for is extracted again."""

from typing import get_args

import pytest

from reward import CONVENTIONS, extract_answer
from reward.answers.mask.mask import MASK
from rewriter_agent.config.data import Convention
from rewriter_agent.data.prompts import ANSWER_FORMAT, ANSWER_LINE, prompt_form, qa_messages, rewrite_messages

ANSWERS = {
    "choice": "B",
    "text": "the blue whale",
    "json": '{"a": [1, 2]}',
    "python": "def f():\n    return 1",
}


def test_config_and_prompts_know_every_convention() -> None:
    assert get_args(Convention) == CONVENTIONS
    assert tuple(ANSWER_FORMAT) == tuple(ANSWER_LINE) == CONVENTIONS


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_an_answer_line_is_extracted_strictly_again(convention: str) -> None:
    answer = ANSWERS.get(convention, "-3/4")
    text = f"First we look at it.\nThen we count 12.\n{ANSWER_LINE[convention].format(answer=answer)}"
    assert extract_answer(text, convention) == (text if convention == "contains" else answer)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_question_ends_with_the_format_of_its_answer(convention: str) -> None:
    (message,) = qa_messages("How many?", convention)
    assert message == {"role": "user", "content": f"How many?\n\n{ANSWER_FORMAT[convention]}"}


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
        rewrite_messages("How many?", solution, answer, convention, show_answer=value)[0]["content"]
        for value in (True, False)
    )
    if convention in ("contains", "python"):
        assert hidden == shown
        return
    assert answer in shown
    assert answer not in hidden.replace("(X)", "")
    assert "Nine and nine make it." in hidden
    assert hidden.endswith(ANSWER_FORMAT[convention])
    assert MASK in hidden


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_plan_names_the_form_of_the_prompt(convention: str) -> None:
    shown, hidden = (prompt_form(convention, show_answer=value) for value in (True, False))
    assert MASK not in shown
    assert (MASK in hidden) == (convention not in ("contains", "python"))
