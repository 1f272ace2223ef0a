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


def chat_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> str:
    """The same as text."""
    return cast("str", tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """The text without special tokens."""
    return cast("str", tokenizer.decode(list(token_ids), skip_special_tokens=True))
