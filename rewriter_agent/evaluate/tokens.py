"""Between text and token ids, with the one type that evaluation uses of those a tokenizer can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase


def chat_prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> list[int]:
    """The conversation under the chat template, open for the model's turn."""
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    return cast("list[int]", ids)


def chat_prompt(
    tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]], add_generation_prompt: bool = True
) -> str:
    """The same as text; without a generation prompt, its last message is left open to go on with."""
    text = tokenizer.apply_chat_template(
        messages,
        add_generation_prompt=add_generation_prompt,
        continue_final_message=not add_generation_prompt,
        tokenize=False,
    )
    return cast("str", text)


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """The text without special tokens."""
    return cast("str", tokenizer.decode(list(token_ids), skip_special_tokens=True))
