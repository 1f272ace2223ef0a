"""Rows as a `datasets.Dataset` of token columns, optionally packed, and their order over epochs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from .rows import SFTRow

if TYPE_CHECKING:
    from datasets import Dataset

IGNORE_INDEX = -100
Item = TypeVar("Item")


def to_dataset(
    rows: Iterable[SFTRow], outcomes: Sequence[str] = (), pack_length: int | None = None
) -> Dataset:
    """Build a dataset in memory: one example per row, or with `pack_length` per pack of that many tokens.

    Every column except `seq_lengths` has a value for each token of prompt and completion:

    - `input_ids`
    - `labels`: IGNORE_INDEX on the prompt
    - `behavior_logprobs`, `prior_logprobs`: 0 on the prompt, and NaN on the completion of a row without them
    - `outcome`: its position in `outcomes`, or 0 if `outcomes` is empty

    `seq_lengths` has the number of tokens of each row in an example. No row may be longer than `pack_length`, since
    TRL would cut it.
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
    # NaN, not 0, makes it visible if a rule reads log-probs that are missing.
    unknown = [float("nan")] * len(row.completion_ids)
    return {
        "input_ids": [*row.prompt_ids, *row.completion_ids],
        "labels": [IGNORE_INDEX] * prompt + row.completion_ids,
        "behavior_logprobs": [0.0] * prompt + (row.behavior_logprobs or unknown),
        "prior_logprobs": [0.0] * prompt + (row.prior_logprobs or unknown),
        "outcome": [outcomes.index(row.outcome) if outcomes else 0] * len(row),
    }


def shuffled_epochs(items: Sequence[Item], seed: int) -> Iterator[Item]:
    """Yield the items endlessly, once per epoch, in an order that depends on seed and epoch."""
    for epoch in count():
        yield from random.Random(f"{seed}/{epoch}").sample(items, len(items))
