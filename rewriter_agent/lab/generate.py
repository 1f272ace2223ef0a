"""Batched sampling from a small model without an engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rewriter_agent.data.prompts import Messages
from rewriter_agent.evaluate.tokens import chat_prompt_ids, decode

BATCH = 128


@dataclass(frozen=True)
class Reply:
    """Reply of the model to one prompt."""

    text: str
    """Text without special tokens."""
    token_ids: list[int]
    """Token ids, including the end mark if the model wrote it."""
    finished: bool


def generate(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[Messages],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[Reply]:
    """Sample one reply per prompt, in order; greedy at temperature 0."""
    ids = [chat_prompt_ids(tokenizer, prompt) for prompt in prompts]
    # Prompts of similar length together need little padding.
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    replies: dict[int, Reply] = {}
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            written = _continue(model, tokenizer, [ids[i] for i in chosen], max_new_tokens, temperature)
            replies.update(zip(chosen, written, strict=True))
    return [replies[index] for index in range(len(ids))]


def mean_nll(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[Messages, list[int]]]
) -> float:
    """Nats per token of the replies (token ids) given their prompts; the mean over all tokens."""
    total = count = 0.0
    with torch.inference_mode():
        for messages, rest in pairs:
            prompt = chat_prompt_ids(tokenizer, messages)
            logits = model(torch.tensor([prompt + rest])).logits[0, len(prompt) - 1 : -1]
            total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(rest), reduction="sum"))
            count += len(rest)
    return total / count


def _continue(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: list[list[int]],
    max_new_tokens: int,
    temperature: float,
) -> list[Reply]:
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), int(tokenizer.pad_token_id))
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    config = GenerationConfig(
        do_sample=temperature > 0,
        temperature=temperature or None,
        top_k=0 if temperature else None,
        max_new_tokens=max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    # The type stubs do not know that a Llama can generate.
    output = cast("Any", model).generate(input_ids=ids, attention_mask=mask, generation_config=config)
    return [_reply(tokenizer, row[width:].tolist()) for row in output]


def _reply(tokenizer: PreTrainedTokenizerFast, written: list[int]) -> Reply:
    end = tokenizer.eos_token_id
    finished = end in written
    kept = written[: written.index(end) + 1] if finished else written
    return Reply(decode(tokenizer, kept), kept, finished)
