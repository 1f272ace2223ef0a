import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sft.config.sft import SFTConfig
from sft.config.weights import (
    DFTWeight,
    LowPerplexityMask,
    PriorRatioWeight,
    PriorWeight,
    TokenISWeight,
    Weight,
)
from sft.data.rows import SCHEMA, SFTRow, check_rows, drop_long_rows, read_rows, read_vocabulary, write_rows

ROW = SFTRow([5, 6], [7, 8, 0], [-0.5, -1.25, -0.25], "rewriter", "rewritten", [-2.5, -1.5, -0.75])
EXPERT = SFTRow([5], [9, 0], None, "none", "expert_fallback")


def test_rows_survive_parquet(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.parquet"
    write_rows([ROW, EXPERT], path, "these ids")
    assert read_rows(path) == [ROW, EXPERT]
    assert read_vocabulary(path) == "these ids"
    assert [file.name for file in path.parent.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"behavior_logprobs": [-0.5, -1.0]}, "2 behavior_logprobs for 3 completion_ids"),
        ({"behavior_logprobs": [-0.5, float("nan"), -1.0]}, r"behavior_logprobs\[1\] is nan"),
        ({"behavior_logprobs": [-0.5, float("-inf"), -1.0]}, r"behavior_logprobs\[1\] is -inf"),
        ({"behavior_logprobs": [-0.5, -1.0, 0.7]}, r"behavior_logprobs\[2\] is 0.7"),
        ({"behavior_logprobs": None}, "behavior is 'rewriter' but behavior_logprobs is missing"),
        ({"behavior": "none"}, "behavior is 'none' but behavior_logprobs is given"),
        ({"behavior": "student"}, "allowed are rewriter, backbone, expert, none"),
        ({"prior_logprobs": [-0.5, -1.0]}, "2 prior_logprobs for 3 completion_ids"),
        ({"prior_logprobs": [-0.5, -1.0, 0.7]}, r"prior_logprobs\[2\] is 0.7"),
        ({"completion_ids": []}, "needs prompt and completion tokens"),
        ({"prompt_ids": []}, "needs prompt and completion tokens"),
    ],
)
def test_a_wrong_row_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ROW, **changes)


def test_a_wrong_row_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows([EXPERT, ROW], path)
    table = pq.read_table(path).to_pylist()
    table[1]["behavior_logprobs"][2] = math.nan
    pq.write_table(pa.Table.from_pylist(table, SCHEMA), path)
    with pytest.raises(ValueError, match=r"rows.parquet, row 1: behavior_logprobs\[2\] is nan"):
        read_rows(path)


def test_a_file_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows([ROW], path)
    pq.write_table(pq.read_table(path).drop_columns("prior_logprobs"), path)
    with pytest.raises(
        ValueError, match=r"rows.parquet has no column prior_logprobs: an earlier version wrote it"
    ):
        read_rows(path)


@pytest.mark.parametrize("weight", [PriorWeight(), PriorRatioWeight(), LowPerplexityMask()])
def test_rules_of_the_prior_need_its_logprobs(weight: Weight) -> None:
    unwritten = replace(ROW, behavior_logprobs=None, behavior="none")
    check_rows([unwritten], SFTConfig(weight=weight), {0})
    with pytest.raises(ValueError, match=f"'{weight.kind}' needs prior_logprobs, but 1 of 1 rows"):
        check_rows([replace(ROW, prior_logprobs=None)], SFTConfig(weight=weight), {0})
    check_rows([EXPERT], SFTConfig(weight=PriorWeight(mass=0.5)), {0})


def test_token_is_needs_logprobs() -> None:
    check_rows([ROW, EXPERT], SFTConfig(), {0})
    with pytest.raises(ValueError, match="1 of 1 rows with outcome 'expert_fallback' have none"):
        check_rows([ROW, EXPERT], SFTConfig(weight=TokenISWeight()), {0})


def test_rows_must_end_in_eos() -> None:
    with pytest.raises(ValueError, match=r"1 of 2 rows do not end.*ends in id 8"):
        check_rows([ROW, replace(EXPERT, completion_ids=[9, 8])], SFTConfig(), {0, 3})


def test_long_rows_are_dropped_whole() -> None:
    assert drop_long_rows([ROW, EXPERT], max_length=5) == [ROW, EXPERT]
    assert drop_long_rows([ROW, EXPERT], max_length=4) == [EXPERT]


def test_a_rule_without_log_probs_for_the_rows_that_have_none() -> None:
    rules = SFTConfig(weight=TokenISWeight(), outcome_weights={"expert_fallback": DFTWeight()})
    check_rows([ROW, EXPERT], rules, {0})
    other = SFTConfig(outcome_weights={"expert_fallback": TokenISWeight()})
    with pytest.raises(
        ValueError, match=r"'token_is' needs behavior_logprobs, but 1 of 1 rows with outcome 'exp"
    ):
        check_rows([ROW, EXPERT], other, {0})
