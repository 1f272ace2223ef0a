"""A very small random Llama with its own tokenizer, and rows of different lengths for it."""

import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sft.data.rows import SFTRow

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def sft_tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|im_end|>", "<|im_start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(["one and two is three", "four and five is nine"], trainer)
    # Padding with the end-of-sequence token is the case that masking by id gets wrong.
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<|im_end|>", eos_token="<|im_end|>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


@pytest.fixture
def sft_model(sft_tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Random weights in float32, input and output embeddings tied."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            bos_token_id=None,
            eos_token_id=sft_tokenizer.eos_token_id,
            pad_token_id=sft_tokenizer.pad_token_id,
            tie_word_embeddings=True,
            initializer_range=0.2,
        )
    )


@pytest.fixture
def sft_model_dir(
    sft_model: LlamaForCausalLM, sft_tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> Path:
    folder = tmp_path / "base"
    sft_model.to(torch.bfloat16).save_pretrained(folder)
    sft_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sft_rows(sft_tokenizer: PreTrainedTokenizerFast) -> list[SFTRow]:
    """Eight rows with completions of 3 to 24 tokens and two kinds of log-probs, each between -8 and -0.5."""
    draw, other = random.Random(0), random.Random(1)
    rows = []
    for length in (2, 23, 5, 11, 3, 17, 8, 4):
        completion = [*draw.choices(range(2, 300), k=length), sft_tokenizer.eos_token_id]
        logprobs = [-draw.uniform(0.5, 8.0) for _ in completion]
        prompt = draw.choices(range(2, 300), k=draw.randint(2, 9))
        prior = [-other.uniform(0.5, 8.0) for _ in completion]
        rows.append(SFTRow(prompt, completion, logprobs, "backbone", "rewritten", prior))
    return rows
