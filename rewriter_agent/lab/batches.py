"""Chats as token ids, and the batch of one optimiser step split into pieces of similar length."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from rewriter_agent.evaluate.tokens import chat_prompt

from .mixture import Chat, Stream

IGNORED = -100
PIECE_COST = 256
"""Fixed cost of a forward and backward pass, in tokens."""


@dataclass(frozen=True)
class Encoded:
    """One training chat."""

    kind: str
    ids: list[int]
    prompt_length: int
    """Number of first tokens, which carry no loss."""


@dataclass(frozen=True)
class MicroBatch:
    """Chats of similar length, padded on the right; a causal model needs no mask for them."""

    input_ids: torch.Tensor
    """Token ids, [chats, length]."""
    labels: torch.Tensor
    """Next token of each position, or `IGNORED` if it carries no loss, [chats, length]."""
    kinds: list[str]
    real: int
    """Number of tokens without padding."""


def encode(tokenizer: PreTrainedTokenizerFast, chats: Sequence[Chat]) -> list[Encoded]:
    """Encode each chat as prompt, reply and end mark, exactly as the chat template writes them."""
    prompts = [chat_prompt(tokenizer, chat.prompt) for chat in chats]
    backend = tokenizer.backend_tokenizer
    heads = backend.encode_batch_fast(prompts)
    replies = backend.encode_batch_fast([f"{chat.reply}{tokenizer.eos_token}" for chat in chats])
    rows = zip(chats, heads, replies, strict=True)
    return [Encoded(chat.kind, head.ids + reply.ids, len(head.ids)) for chat, head, reply in rows]


def step_chats(
    tokenizer: PreTrainedTokenizerFast, stream: Stream, seed: int, step: int, size: int
) -> list[Encoded]:
    """The `size` chats of optimiser step number `step`, counted from 0.

    They do not depend on earlier steps: a resumed run needs only the number of its step.
    """
    return encode(tokenizer, [stream(seed, index) for index in range(step * size, (step + 1) * size)])


def micro_batches(chats: Sequence[Encoded], most: int, pad: int) -> list[MicroBatch]:
    """Sort the chats by length and split them at minimum cost into pieces of at most `most` tokens with padding.

    A chat longer than `most` is a piece of its own. All pieces together are one step. Sorting by length therefore
    reduces padding without changing the mixture of kinds in the gradient.
    """
    ordered = sorted(chats, key=lambda chat: len(chat.ids))
    # best[end]: the least cost of the first `end` chats, and the start of their last piece.
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
