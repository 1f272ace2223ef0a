"""Pads rows to a batch, with the behaviour log-probs aligned with the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

IGNORE_INDEX = -100


@dataclass(frozen=True)
class SFTCollator:
    """Turns rows with the columns of SFTRow into right-padded tensors.

    Labels and mask follow from the lengths: in some models the padding id is the end-of-sequence id, so
    masking by id would stop the model from learning to stop.
    """

    pad_token_id: int
    """Fills `input_ids`; any id of the vocabulary does."""

    outcomes: tuple[str, ...] = ()
    """Those that rows may have; without any, all are number 0."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Batch of B rows padded to the longest, L tokens.

        Returns `input_ids`, `attention_mask` and `labels` (B, L), int64, and `behavior_logprobs` (B, L),
        float32: 0 on prompt and padding, NaN on the completion of a row that has none; `outcome` (B,), int64:
        positions in `outcomes`.
        """
        sequences = [list(row["prompt_ids"]) + list(row["completion_ids"]) for row in rows]
        labels = [[IGNORE_INDEX] * len(row["prompt_ids"]) + list(row["completion_ids"]) for row in rows]
        return {
            "input_ids": _pad(sequences, torch.int64, self.pad_token_id),
            "attention_mask": _pad([[1] * len(ids) for ids in sequences], torch.int64, 0),
            "labels": _pad(labels, torch.int64, IGNORE_INDEX),
            "behavior_logprobs": _pad([_aligned_logprobs(row) for row in rows], torch.float32, 0.0),
            "outcome": torch.tensor([self._outcome(row) for row in rows]),
        }

    def _outcome(self, row: Mapping[str, Any]) -> int:
        return self.outcomes.index(row["outcome"]) if self.outcomes else 0


def _aligned_logprobs(row: Mapping[str, Any]) -> list[float]:
    logprobs = row["behavior_logprobs"]
    if logprobs is None:
        # NaN, not 0: a rule that reads what is not there must not train on it.
        logprobs = [float("nan")] * len(row["completion_ids"])
    return [0.0] * len(row["prompt_ids"]) + list(logprobs)


def _pad(sequences: Sequence[Sequence[float]], dtype: torch.dtype, value: float) -> Tensor:
    tensors = [torch.tensor(sequence, dtype=dtype) for sequence in sequences]
    return pad_sequence(tensors, batch_first=True, padding_value=value)
