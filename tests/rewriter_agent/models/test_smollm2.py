"""The embedded SmolLM2."""

import torch
from transformers import LlamaForCausalLM

from rewriter_agent.config.data import GsmSymbolicData
from rewriter_agent.data.load import load_problems
from rewriter_agent.models.resolve import load_tokenizer, resolve_model


def test_tokenizer_round_trips_with_single_digits() -> None:
    tokenizer = load_tokenizer(resolve_model("smollm2-135m-instruct"))
    assert tokenizer.tokenize("Add 1234") == ["Add", "Ġ", "1", "2", "3", "4"]
    for problem in load_problems(GsmSymbolicData(num_train=100)).train:
        text = f"{problem.question}\n{problem.solution}"
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.eos_token == "<|im_end|>"


def test_answers_a_simple_question_greedily() -> None:
    folder = resolve_model("smollm2-135m-instruct")
    tokenizer = load_tokenizer(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    assert not hasattr(model.config, "quantization_config")
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert "named SmolLM" in str(text)
    prompt = tokenizer(str(text), return_tensors="pt")
    output = model.generate(**prompt, max_new_tokens=32, do_sample=False)[0]  # ty: ignore[invalid-argument-type]
    assert "Paris" in tokenizer.decode(output)
    assert output[-1] == tokenizer.eos_token_id
