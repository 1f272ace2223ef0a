"""Joins examples to a batch, with the behaviour log-probs aligned with the labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import pad


class SFTCollator:
    """TRL's collator, and beside its tensors those that the weights read.

    Labels and mask follow from the lengths: in some models the padding id is the end-of-sequence id, so
    masking by id would stop the model from learning to stop.
    """

    def __init__(self, pad_token_id: int, padding_free: bool = False, shared: int | None = None) -> None:
        """`pad_token_id` fills `input_ids`, any id of the vocabulary does; `padding_free` puts all rows one behind
        the other, each with positions from 0, which keeps attention within it.

        Where workers share a batch by its length, that is a multiple of `shared`, positions take the place of the
        mask, and the tensors of the weights are shifted as the labels will be, before they are cut.
        """
        self.padding_free = padding_free
        self.shared = shared
        self.collate = DataCollatorForLanguageModeling(
            pad_token_id=pad_token_id,
            padding_free=padding_free,
            pad_to_multiple_of=shared,
        )

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Batch of B examples with the columns of `to_dataset`, padded to the longest, L tokens; or B = 1 and L all
        their tokens.

        Returns what TRL's collator does and, (B, L) each: `behavior_logprobs`, float32; `outcome` and `row`, the
        number of a token's row in the batch, int64; `attended`, 1 where there is a token, 0 on padding.
        """
        batch = self.collate([dict(example) for example in examples])
        lengths = [length for example in examples for length in example["seq_lengths"]]
        numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        sizes = [len(example["input_ids"]) for example in examples]
        logprobs = [torch.tensor(example["behavior_logprobs"], dtype=torch.float32) for example in examples]
        of_weights = {
            "behavior_logprobs": self._join(logprobs),
            "outcome": self._join([torch.tensor(example["outcome"]) for example in examples]),
            "row": self._join(list(numbers.split(sizes))),
        }
        if self.shared:
            del batch["attention_mask"]
            length = batch["input_ids"].shape[1]
            batch["position_ids"] = torch.arange(length).expand(len(examples), -1).contiguous()
            of_weights = {name: functional.pad(value, (0, 1))[:, 1:] for name, value in of_weights.items()}
        attended = self._join([torch.ones(size, dtype=torch.int64) for size in sizes])
        return {**batch, **of_weights, "attended": attended}

    def _join(self, columns: list[Tensor]) -> Tensor:
        if self.padding_free:
            return torch.cat(columns)[None]
        return pad(columns, padding_value=0, pad_to_multiple_of=self.shared)
