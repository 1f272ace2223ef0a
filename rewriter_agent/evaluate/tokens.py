"""Typed encoding and decoding: a tokenizer may return several types, evaluation needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rewriter_agent.data.text_encoder import text_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase


def chat_prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> list[int]:
    """The conversation under the chat template, open for the model's turn."""
    return text_encoder(tokenizer).chat(messages)


def chat_prompt(
    tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]], add_generation_prompt: bool = True
) -> str:
    """The same as text, with a guard in what looks like a control token; without a generation prompt, its last
    message stays open."""
    return text_encoder(tokenizer).chat_text(messages, add_generation_prompt)


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """The text without special tokens."""
    return cast("str", tokenizer.decode(list(token_ids), skip_special_tokens=True))
