"""A text encoder as a Ray actor: mean-pooled last hidden states."""

from collections.abc import Sequence
from typing import Any

BATCH = 16


class Encoder:
    """Embeds texts with any Hugging Face encoder or causal LM. Create it as a Ray actor."""

    def __init__(self, model: str, max_length: int, threads: int, device: str) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(threads)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        # The mean ignores padding by its mask. Right padding keeps the positions of a causal model unchanged too.
        self.tokenizer.padding_side = "right"
        loaded = AutoModel.from_pretrained(model, dtype=torch.float32, trust_remote_code=False)
        self.model = loaded.to("cuda" if device == "gpu" else "cpu").eval()
        self.max_length = min(max_length, loaded.config.max_position_embeddings)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order; texts are truncated to `max_length` tokens."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors: list[list[float]] = [[] for _ in texts]
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            for i, vector in zip(batch, self._embed([texts[i] for i in batch]), strict=True):
                vectors[i] = vector
        return vectors

    def _embed(self, texts: list[str]) -> list[list[float]]:
        import torch

        encoded = self.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
            # A text does not separate or mask anything by writing "[SEP]" or "</s>".
            split_special_tokens=True,
        ).to(self.model.device)
        with torch.inference_mode():
            states = self.model(**encoded).last_hidden_state
        mask = encoded["attention_mask"].unsqueeze(-1)
        return ((states * mask).sum(1) / mask.sum(1)).tolist()
