"""lm-evaluation-harness's own model on transformers, which encodes items as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lm_eval.models.huggingface import HFLM

from .text_lm import TextLM

if TYPE_CHECKING:
    import torch


class TextHFLM(TextLM, HFLM):
    """`HFLM` with the encoding of `TextLM`."""

    def tok_batch_encode(
        self, strings: Sequence[str], *_: object, left_truncate_len: int | None = None, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pad ids on the left, and return them with their attention mask; long inputs lose their beginning."""
        ids = [self.tok_encode(string, left_truncate_len=left_truncate_len) for string in strings]
        padded = self.tokenizer.pad({"input_ids": ids}, padding_side="left", return_tensors="pt")
        return padded["input_ids"], padded["attention_mask"]
