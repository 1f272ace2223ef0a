"""A fleet of one small random model in this process, for the evaluation tests."""

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cluster.types import Completion, EngineSpec, GenerateRequest, Scored, ScoreRequest

TEXT = [
    "What is the answer to the question?",
    "Tom has 3 apples.",
    "Water boils at 100 degrees.",
    "user assistant",
]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with a chat template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(TEXT, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(vocab_size: int, seed: int = 0) -> LlamaForCausalLM:
    """Random weights, deterministic in the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
        return LlamaForCausalLM(config).eval()


class LocalFleet:
    """Fleet of one transformers model with the methods of `cluster.fleet.fleet.Fleet` that evaluation needs."""

    def __init__(self, model: LlamaForCausalLM, eos_token_id: int, max_model_len: int) -> None:
        self.model = model
        self.eos_token_id = eos_token_id
        self.spec = EngineSpec("local", "float32", max_model_len, 8, "cpu", 1, 1, 0.9, 1, 1.0, 0.0)
        self.scored: list[ScoreRequest] = []
        self.asked: list[GenerateRequest] = []

    @torch.no_grad()
    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        self.scored += requests
        return [self._score(request) for request in requests]

    def _score(self, request: ScoreRequest) -> Scored:
        ids = torch.tensor([request.prompt_ids + request.completion_ids])
        assert ids.shape[1] < self.spec.max_model_len, "longer than the engines take"
        logprobs = self.model(ids).logits[0, len(request.prompt_ids) - 1 : -1].log_softmax(-1)
        return Scored([float(row[t]) for row, t in zip(logprobs, request.completion_ids, strict=True)])

    @torch.no_grad()
    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.asked += requests
        return [self._generate(request) for request in requests]

    def _generate(self, request: GenerateRequest) -> Completion:
        ids: list[int] = []
        while len(ids) < request.max_tokens and ids[-1:] != [self.eos_token_id]:
            ids.append(int(self.model(torch.tensor([request.prompt_ids + ids])).logits[0, -1].argmax()))
        return Completion(ids, [0.0] * len(ids), ids[-1] == self.eos_token_id, 0)


class ScriptedFleet(LocalFleet):
    """Fleet that answers generation requests with given texts, in turn."""

    def __init__(self, fleet: LocalFleet, completions: list[Completion]) -> None:
        super().__init__(fleet.model, fleet.eos_token_id, fleet.spec.max_model_len)
        self.completions = completions

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.asked += requests
        return [self.completions[i % len(self.completions)] for i in range(len(requests))]
