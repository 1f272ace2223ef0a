"""Models that reason in tags before they answer: prompts, completions and texts."""

import pytest
from pydantic import ValidationError
from transformers import PreTrainedTokenizerFast

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.conversation import find_conversations, with_reasoning
from rewriter_agent.data.formats import MESSAGES
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.evaluate.presets import PromptFormat
from rewriter_agent.models.chat_template import set_variables
from rewriter_agent.models.end_tokens import EndTokens
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from tests.helpers.tiny import THINKING

ASK = [{"role": "user", "content": "How many?"}]
REPLY = {"role": "assistant", "content": "#### 5"}


def make_tokens(
    template: str | None = THINKING, **variables: object
) -> tuple[Tokens, PreTrainedTokenizerFast]:
    tokenizer = load_tokenizer(str(LAB_FOLDER), None)
    tokenizer.chat_template = template or tokenizer.chat_template
    set_variables(tokenizer, variables)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return Tokens(tokenizer, None, EndTokens({end: ("",)}, (end,), {})), tokenizer


def test_a_prompt_that_opens_the_reasoning_is_part_of_the_text() -> None:
    tokens, tokenizer = make_tokens()
    assert tokens.thinks
    assert tokenizer.decode(tokens.prompt(ASK)).endswith("assistant\n<think>\n")
    written = [*tokenizer.encode("2 and 3.\n</think>\n\n#### 5"), *tokens.ends.turn]
    assert tokens.text(written) == "<think>\n2 and 3.\n</think>\n\n#### 5"
    assert PromptFormat(tokenizer, "chat").answer(written)[0] == tokens.text(written)
    # A reasoned text continues the prompt, and another closes its reasoning at once.
    assert tokens.completion(tokens.text(written)) == written
    assert tokenizer.decode(tokens.completion("#### 5")) == "</think>\n\n#### 5<|im_end|>"
    assert not tokens.has_control_tokens(written)


@pytest.mark.parametrize("template", [THINKING, None])
def test_a_prompt_without_open_reasoning_leaves_texts_as_they_are(template: str | None) -> None:
    tokens, tokenizer = make_tokens(template, enable_thinking=False)
    assert not tokens.thinks
    assert tokenizer.decode(tokens.prompt(ASK)).endswith("</think>\n\n" if template else "assistant\n")
    text = "2 and 3.\n#### 5"
    assert tokens.text(tokens.completion(text)) == text
    assert tokens.completion(text) == [*tokenizer.encode(text), *tokens.ends.turn]


def test_variables_of_a_row_come_before_those_of_the_config() -> None:
    _, tokenizer = make_tokens(enable_thinking=False)
    own = tokenizer.apply_chat_template(ASK, tokenize=False, add_generation_prompt=True, enable_thinking=True)
    assert own.endswith("<think>\n")
    with pytest.raises(ValidationError, match="'messages' is no variable of a chat template"):
        ModelConfig(chat_template_kwargs={"messages": []})


def test_a_row_that_switches_the_reasoning_is_named() -> None:
    def problem(*, thinks: bool) -> Problem:
        row = {"messages": [*ASK, REPLY], "chat_template_kwargs": {"enable_thinking": thinks}}
        [chat] = find_conversations(MESSAGES, row, "chats.jsonl, line 3", every=False)
        return Problem("1", "How many?", "#### 5", "5", "####", "test", conversation=chat.dumps())

    tokens, tokenizer = make_tokens()
    assert tokenizer.decode(tokens.question(problem(thinks=True))).endswith("<think>\n")
    with pytest.raises(
        ValueError, match=r"line 3: .* switch the reasoning on or off; .* by model\.chat_template"
    ):
        tokens.question(problem(thinks=False))
    tokens, tokenizer = make_tokens(enable_thinking=False)
    assert tokenizer.decode(tokens.question(problem(thinks=False))).endswith("</think>\n\n")


def test_reasoning_in_a_field_of_its_own_is_written_before_the_reply() -> None:
    reply = {"role": "assistant", "content": "#### 5\n", "reasoning_content": "2 and 3."}
    assert with_reasoning(reply) == "<think>\n2 and 3.\n</think>\n\n#### 5"
    assert with_reasoning({"role": "assistant", "content": "#### 5"}) == "#### 5"
