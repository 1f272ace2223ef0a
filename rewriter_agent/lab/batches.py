"""Chats as token ids, and the work of one optimiser step cut into pieces of similar length."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from rewriter_agent.evaluate.tokens import chat_prompt

from .mixture import Chat, chat_at

IGNORED = -100
PIECE_COST = 256
"""What a forward and backward pass costs beside its tokens, in tokens."""


@dataclass(frozen=True)
class Encoded:
    """One chat as it is trained on."""

    kind: str
    ids: list[int]
    prompt_length: int
    """The first tokens, which carry no loss."""


@dataclass(frozen=True)
class MicroBatch:
    """Chats of similar length, padded on the right; a causal model needs no mask for them."""

    input_ids: torch.Tensor
    """Token ids, [chats, length]."""
    labels: torch.Tensor
    """The token that follows each position, `IGNORED` where it carries no loss, [chats, length]."""
    kinds: list[str]
    real: int
    """Tokens that are no padding."""


def encode(tokenizer: PreTrainedTokenizerFast, chats: Sequence[Chat]) -> list[Encoded]:
    """Each chat as prompt, reply and end mark, exactly as the chat template writes them."""
    prompts = [chat_prompt(tokenizer, chat.prompt) for chat in chats]
    backend = tokenizer.backend_tokenizer
    heads = backend.encode_batch_fast(prompts)
    replies = backend.encode_batch_fast([f"{chat.reply}{tokenizer.eos_token}" for chat in chats])
    rows = zip(chats, heads, replies, strict=True)
    return [Encoded(chat.kind, head.ids + reply.ids, len(head.ids)) for chat, head, reply in rows]


def step_chats(tokenizer: PreTrainedTokenizerFast, seed: int, step: int, size: int) -> list[Encoded]:
    """The `size` chats of optimiser step number `step`, counted from 0.

    They depend on nothing that came before: a resumed run needs no more than the number of its step.
    """
    return encode(tokenizer, [chat_at(seed, index) for index in range(step * size, (step + 1) * size)])


def micro_batches(chats: Sequence[Encoded], most: int, pad: int) -> list[MicroBatch]:
    """The chats by length, cut where it costs least into pieces of at most `most` tokens with padding.

    A chat longer than `most` is a piece of its own. All pieces together are one step, so that sorting by
    length makes padding rare and leaves the gradient's mixture of kinds as it is.
    """
    ordered = sorted(chats, key=lambda chat: len(chat.ids))
    # best[end]: the least cost of the first `end` chats, and where their last piece begins.
    best = [(0, 0)]
    for end in range(1, len(ordered) + 1):
        width = len(ordered[end - 1].ids)
        starts = range(min(end - 1, max(0, end - most // width)), end)
        best.append(min((best[start][0] + (end - start) * width + PIECE_COST, start) for start in starts))
    pieces, end = [], len(ordered)
    while end:
        start = best[end][1]
        pieces.append(_padded(ordered[start:end], pad))
        end = start
    return pieces[::-1]


def _padded(chats: list[Encoded], pad: int) -> MicroBatch:
    width = len(chats[-1].ids) - 1
    ids = torch.full((len(chats), width), pad)
    labels = torch.full((len(chats), width), IGNORED)
    for row, chat in enumerate(chats):
        end = len(chat.ids) - 1
        ids[row, :end] = torch.tensor(chat.ids[:-1])
        labels[row, chat.prompt_length - 1 : end] = torch.tensor(chat.ids[chat.prompt_length :])
    return MicroBatch(ids, labels, [chat.kind for chat in chats], sum(len(chat.ids) for chat in chats))
