"""Rows as a `datasets.Dataset` of token columns, packed or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .rows import SFTRow

if TYPE_CHECKING:
    from datasets import Dataset

IGNORE_INDEX = -100


def to_dataset(
    rows: Iterable[SFTRow], outcomes: Sequence[str] = (), pack_length: int | None = None
) -> Dataset:
    """In memory, one example a row; with `pack_length`, as many rows an example as fit into that many tokens.

    Every column but `seq_lengths` has a value for each token of prompt and completion: `input_ids`; `labels`,
    IGNORE_INDEX on the prompt; `behavior_logprobs`, 0 on the prompt and NaN on the completion of a row that has none;
    `outcome`, its position in `outcomes`, 0 where there are none. `seq_lengths` are the tokens of each row of an
    example. No row may be longer than `pack_length`: TRL would cut it.
    """
    from datasets import Dataset
    from trl import pack_dataset

    examples = [_columns(row, outcomes) for row in rows]
    if pack_length is None:
        return Dataset.from_list([{**e, "seq_lengths": [len(e["input_ids"])]} for e in examples])
    assert all(len(e["input_ids"]) <= pack_length for e in examples), "rows longer than a pack"
    return pack_dataset(Dataset.from_list(examples), pack_length, "bfd")


def _columns(row: SFTRow, outcomes: Sequence[str]) -> dict[str, list[Any]]:
    prompt = len(row.prompt_ids)
    # NaN, not 0: a rule that reads what is not there must not train on it.
    logprobs = row.behavior_logprobs or [float("nan")] * len(row.completion_ids)
    return {
        "input_ids": [*row.prompt_ids, *row.completion_ids],
        "labels": [IGNORE_INDEX] * prompt + row.completion_ids,
        "behavior_logprobs": [0.0] * prompt + logprobs,
        "outcome": [outcomes.index(row.outcome) if outcomes else 0] * len(row),
    }
