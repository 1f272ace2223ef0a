import random
from dataclasses import asdict

import torch

from sft.collator import IGNORE_INDEX, SFTCollator
from sft.rows import SFTRow


def test_batch_by_hand() -> None:
    rows = [
        SFTRow([5, 6], [7, 0], [-1.0, -2.0], "backbone", "rewritten"),
        SFTRow([8], [0], None, "none", "expert_fallback"),
    ]
    batch = SFTCollator(pad_token_id=0)([asdict(row) for row in rows])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 0], [8, 0, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    # The end-of-sequence id 0 is learned although padding has the same id.
    assert batch["labels"].tolist() == [[-100, -100, 7, 0], [-100, 0, -100, -100]]
    nan = float("nan")
    expected = torch.tensor([[0.0, 0.0, -1.0, -2.0], [0.0, nan, 0.0, 0.0]])
    torch.testing.assert_close(batch["behavior_logprobs"], expected, equal_nan=True)
    assert batch["outcome"].tolist() == [0, 0]
    named = SFTCollator(0, ("expert_fallback", "rewritten"))([asdict(row) for row in rows])
    assert named["outcome"].tolist() == [1, 0]


def test_logprobs_stay_with_their_tokens_in_any_order(sft_rows: list[SFTRow]) -> None:
    rows = list(sft_rows)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        batch = SFTCollator(pad_token_id=0)([asdict(row) for row in rows])
        for i, row in enumerate(rows):
            learned = batch["labels"][i] != IGNORE_INDEX
            assert batch["input_ids"][i][learned].tolist() == row.completion_ids
            assert batch["labels"][i][learned].tolist() == row.completion_ids
            assert row.behavior_logprobs is not None
            torch.testing.assert_close(
                batch["behavior_logprobs"][i][learned], torch.tensor(row.behavior_logprobs)
            )
            assert batch["behavior_logprobs"][i][~learned].abs().sum() == 0
            assert batch["attention_mask"][i].sum() == len(row)
