import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sft.data.collator import SFTCollator
from sft.data.dataset import IGNORE_INDEX, to_dataset
from sft.data.rows import SFTRow, drop_long_rows

TWO = [
    SFTRow([5, 6], [7, 0], [-1.0, -2.0], "backbone", "rewritten", [-3.0, -4.0]),
    SFTRow([8], [0], None, "none", "expert_fallback"),
]
NAN = float("nan")


def test_batch_by_hand() -> None:
    batch = SFTCollator(pad_token_id=0)(to_dataset(TWO, ("expert_fallback", "rewritten")).to_list())
    assert batch["input_ids"].tolist() == [[5, 6, 7, 0], [8, 0, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    # The end-of-sequence id 0 is learned although padding has the same id.
    assert batch["labels"].tolist() == [[-100, -100, 7, 0], [-100, 0, -100, -100]]
    expected = torch.tensor([[0.0, 0.0, -1.0, -2.0], [0.0, NAN, 0.0, 0.0]])
    torch.testing.assert_close(batch["behavior_logprobs"], expected, equal_nan=True)
    prior = torch.tensor([[0.0, 0.0, -3.0, -4.0], [0.0, NAN, 0.0, 0.0]])
    torch.testing.assert_close(batch["prior_logprobs"], prior, equal_nan=True)
    assert batch["outcome"].tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]
    assert batch["row"].tolist() == [[0, 0, 0, 0], [1, 1, 0, 0]]


def test_packed_batch_by_hand() -> None:
    examples = to_dataset(TWO, ("expert_fallback", "rewritten"), pack_length=6).to_list()
    assert [example["seq_lengths"] for example in examples] == [[4, 2]]
    batch = SFTCollator(pad_token_id=0, padding_free=True)(examples)
    assert "attention_mask" not in batch
    assert batch["input_ids"].tolist() == [[5, 6, 7, 0, 8, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1]]
    assert batch["labels"].tolist() == [[-100, -100, 7, 0, -100, 0]]
    expected = torch.tensor([[0.0, 0.0, -1.0, -2.0, 0.0, NAN]])
    torch.testing.assert_close(batch["behavior_logprobs"], expected, equal_nan=True)
    prior = torch.tensor([[0.0, 0.0, -3.0, -4.0, 0.0, NAN]])
    torch.testing.assert_close(batch["prior_logprobs"], prior, equal_nan=True)
    assert batch["outcome"].tolist() == [[1, 1, 1, 1, 0, 0]]
    assert batch["row"].tolist() == [[0, 0, 0, 0, 1, 1]]


def test_a_batch_that_workers_share_by_hand() -> None:
    batch = SFTCollator(pad_token_id=9, shared=6)(to_dataset(TWO, ("expert_fallback", "rewritten")).to_list())
    assert "attention_mask" not in batch
    assert batch["input_ids"].tolist() == [[5, 6, 7, 0, 9, 9], [8, 0, 9, 9, 9, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 5]] * 2
    # Each at the position that predicts its token.
    expected = torch.tensor([[0.0, -1.0, -2.0, 0.0, 0.0, 0.0], [NAN, 0.0, 0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(batch["behavior_logprobs"], expected, equal_nan=True)
    prior = torch.tensor([[0.0, -3.0, -4.0, 0.0, 0.0, 0.0], [NAN, 0.0, 0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(batch["prior_logprobs"], prior, equal_nan=True)
    assert batch["outcome"].tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    assert batch["attended"].tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]]


@pytest.mark.parametrize("pack_length", [None, 20, 64])
def test_values_stay_with_their_tokens(sft_rows: list[SFTRow], pack_length: int | None) -> None:
    """Values survive shuffling, dropping of rows over 20 tokens, packing and batching."""
    rows = [*drop_long_rows(sft_rows, 20), SFTRow([3, 4], [5, 0], None, "none", "expert_fallback")]
    assert len(rows) < len(sft_rows) + 1
    outcomes = ("expert_fallback", "rewritten")
    collate = SFTCollator(pad_token_id=0, padding_free=pack_length is not None)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        examples = to_dataset(rows, outcomes, pack_length).shuffle(seed=seed).to_list()
        batches = [collate(examples[start : start + 3]) for start in range(0, len(examples), 3)]
        found = {
            (*prompt, *completion): rest for batch in batches for prompt, completion, *rest in rows_of(batch)
        }
        assert len(found) == len(rows)
        for row in rows:
            *logprobs, outcome = found[*row.prompt_ids, *row.completion_ids]
            for values, column in zip(logprobs, (row.behavior_logprobs, row.prior_logprobs), strict=True):
                given = column or [NAN] * len(row.completion_ids)
                torch.testing.assert_close(values, torch.tensor(given), equal_nan=True)
            assert outcome == outcomes.index(row.outcome)


def rows_of(batch: dict[str, Tensor]) -> Iterator[tuple[list[int], list[int], Tensor, Tensor, int]]:
    """Split a batch into rows again, by row numbers and labels."""
    real = (
        batch["attention_mask"].bool() if "attention_mask" in batch else torch.ones_like(batch["row"]).bool()
    )
    for number in range(int(batch["row"].max()) + 1):
        ours = (batch["row"] == number) & real
        learned = batch["labels"][ours] != IGNORE_INDEX
        ids = batch["input_ids"][ours]
        behavior, prior = (batch[name][ours] for name in ("behavior_logprobs", "prior_logprobs"))
        assert batch["labels"][ours][learned].tolist() == ids[learned].tolist()
        assert behavior[~learned].abs().sum() == prior[~learned].abs().sum() == 0
        (outcome,) = set(batch["outcome"][ours].tolist())
        yield ids[~learned].tolist(), ids[learned].tolist(), behavior[learned], prior[learned], outcome
