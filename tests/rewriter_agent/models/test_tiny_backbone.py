"""The tests' own backbone: right often, not always, in several phrasings."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from reward import extract_answer
from rewriter_agent.data.prompts import qa_messages, rewrite_messages
from rewriter_agent.models.resolve import load_tokenizer, resolve_model
from tests.helpers import tiny


def sample(folder: Path, chats: list[list[dict[str, str]]], count: int) -> list[list[str]]:
    """`count` replies a chat at temperature 1."""
    tokenizer = load_tokenizer(resolve_model(str(folder)))
    tokenizer.padding_side = "left"
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompted = [
        str(tokenizer.apply_chat_template(c, add_generation_prompt=True, tokenize=False)) for c in chats
    ]
    prompts = tokenizer(prompted, padding=True, return_tensors="pt")
    torch.manual_seed(0)
    output = model.generate(**prompts, max_new_tokens=64, do_sample=True, top_k=0, num_return_sequences=count)  # ty: ignore[invalid-argument-type]
    texts = tokenizer.batch_decode(output[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True)
    return [texts[start : start + count] for start in range(0, len(texts), count)]


@pytest.mark.parametrize(("kind", "low", "high"), [("question", 0.1, 0.6), ("rewrite", 0.4, 0.95)])
def test_groups_mix_right_and_wrong(tiny_backbone: Path, kind: str, low: float, high: float) -> None:
    rows = tiny.distinct_rows(32, seed=11)
    if kind == "question":
        chats = [qa_messages(row["question"], "####") for row in rows]
    else:
        chats = [rewrite_messages(row["question"], row["solution"], row["answer"], "####") for row in rows]
    groups = sample(tiny_backbone, chats, count=8)
    right = [
        [extract_answer(text, "####") == row["answer"] for text in group]
        for row, group in zip(rows, groups, strict=True)
    ]
    assert low < sum(map(sum, right)) / (32 * 8) < high
    assert sum(0 < sum(group) < 8 for group in right) > 16
    openings = {text.split()[0] for group in groups for text in group if text.split()}
    assert {"We", "First"} <= openings
