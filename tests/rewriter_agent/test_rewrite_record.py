"""The record of one rewritten problem: the best candidate that passes, else the expert's own words."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from groups import failed, fake_logprobs, make_problem, make_sample, passed

from reward import Score
from rewriter_agent.files import write_table
from rewriter_agent.rewrite import EXPERT_FALLBACK, REWRITES, REWRITTEN, _counts, _record
from rewriter_agent.scoring import ScoredGroup

PROBLEM = make_problem("a")
EXPERT = {"problem_id": "a", "expert_ids": [7, 8, 0], "expert_logprobs": [-1.5, -2.0, -0.25]}
TEXTS = ("first", "second", "third")
SAMPLES = [make_sample(text) for text in TEXTS]


def record(*scores: Score) -> dict[str, Any]:
    logprobs = [
        fake_logprobs(s.token_ids) if score.gate else None for s, score in zip(SAMPLES, scores, strict=True)
    ]
    return _record(PROBLEM, SAMPLES, ScoredGroup(list(scores), logprobs, []), EXPERT, 6, 42)


def test_the_highest_total_that_passes_is_the_target() -> None:
    row = record(passed(1.2), failed("copy"), passed(1.4))
    assert (row["outcome"], row["selected"], row["reason"]) == (REWRITTEN, 2, None)
    assert row["target_text"] == "third"
    assert row["target_ids"] == list(SAMPLES[2].token_ids)
    assert row["behavior_logprobs"] == fake_logprobs(SAMPLES[2].token_ids)
    assert row["behavior"] == "backbone"
    assert len(row["behavior_logprobs"]) == len(row["target_ids"])


def test_of_equal_totals_the_first_is_taken() -> None:
    assert record(failed("copy"), passed(1.2), passed(1.2))["selected"] == 1


def test_where_none_passes_the_expert_solution_stays_with_the_commonest_reason() -> None:
    row = record(failed("wrong_answer"), failed("unfinished"), failed("unfinished"))
    assert (row["outcome"], row["selected"], row["reason"]) == (EXPERT_FALLBACK, None, "unfinished")
    assert row["target_text"] == PROBLEM.solution
    assert row["target_ids"] == EXPERT["expert_ids"]
    assert row["behavior_logprobs"] == EXPERT["expert_logprobs"]
    assert row["behavior"] == "backbone"


def test_a_record_says_where_it_comes_from() -> None:
    row = record(passed(1.2), failed("copy"), failed("leak"))
    assert (row["problem_id"], row["question"], row["answer"]) == ("a", PROBLEM.question, PROBLEM.answer)
    assert row["expert_solution"] == PROBLEM.solution
    assert (row["policy_version"], row["seed"]) == (6, 42)
    assert row["candidates"] == list(TEXTS)
    assert [score["reason"] for score in row["scores"]] == [None, "copy", "leak"]


def test_records_survive_parquet(tmp_path: Path) -> None:
    rows = [
        record(passed(1.2), failed("copy"), failed("leak")),
        record(failed("copy"), failed("copy"), failed("leak")),
    ]
    write_table(tmp_path / "rewrites.parquet", rows, REWRITES)
    loaded = pq.read_table(tmp_path / "rewrites.parquet").to_pylist()
    for row, back in zip(rows, loaded, strict=True):
        assert back.pop("behavior_logprobs") == pytest.approx(row.pop("behavior_logprobs"))
        assert back == row


def test_counts_add_up() -> None:
    rows = [
        record(passed(1.2), failed("copy"), passed(1.1)),
        record(failed("copy"), failed("copy"), failed("leak")),
    ]
    assert _counts(rows) == {
        "problems": 2,
        REWRITTEN: 1,
        EXPERT_FALLBACK: 1,
        "candidates": 6,
        "accepted_candidates": 2,
        "rejected/copy": 3,
        "rejected/leak": 1,
    }
