"""Collator that aligns log-probs with the labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import pad


class SFTCollator:
    """TRL's collator, with additional tensors for the weights.

    Labels and mask follow from the lengths. Masking by id would be wrong for models whose padding id is the
    end-of-sequence id: they would not learn to stop.
    """

    def __init__(self, pad_token_id: int, padding_free: bool = False, shared: int | None = None) -> None:
        """Set the layout of batches.

        `pad_token_id` fills `input_ids`; any id of the vocabulary works. `padding_free` concatenates all rows, each
        with positions from 0, which keeps attention within a row.

        `shared` is for sequence parallelism, which splits a batch by its length: the length is padded to a multiple of
        it, positions replace the mask, and the tensors of the weights are shifted in the same way as Accelerate shifts
        the labels before it splits them.
        """
        self.padding_free = padding_free
        self.shared = shared
        self.collate = DataCollatorForLanguageModeling(
            pad_token_id=pad_token_id,
            padding_free=padding_free,
            pad_to_multiple_of=shared,
        )

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Collate B examples with the columns of `to_dataset`, padded to L tokens; padding-free, B is 1.

        Returns the tensors of TRL's collator and, of shape (B, L): `behavior_logprobs` and `prior_logprobs` (float32),
        `outcome` (int64), `row` (int64, the number of a token's row in the batch) and `attended` (1 for tokens, 0 for
        padding).
        """
        batch = self.collate([dict(example) for example in examples])
        lengths = [length for example in examples for length in example["seq_lengths"]]
        numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        sizes = [len(example["input_ids"]) for example in examples]
        weight_columns = {
            **{
                name: self._join([torch.tensor(example[name], dtype=torch.float32) for example in examples])
                for name in ("behavior_logprobs", "prior_logprobs")
            },
            "outcome": self._join([torch.tensor(example["outcome"]) for example in examples]),
            "row": self._join(list(numbers.split(sizes))),
        }
        if self.shared:
            del batch["attention_mask"]
            length = batch["input_ids"].shape[1]
            batch["position_ids"] = torch.arange(length).expand(len(examples), -1).contiguous()
            weight_columns = {
                name: functional.pad(value, (0, 1))[:, 1:] for name, value in weight_columns.items()
            }
        attended = self._join([torch.ones(size, dtype=torch.int64) for size in sizes])
        return {**batch, **weight_columns, "attended": attended}

    def _join(self, columns: list[Tensor]) -> Tensor:
        if self.padding_free:
            return torch.cat(columns)[None]
        return pad(columns, padding_value=0, pad_to_multiple_of=self.shared)
