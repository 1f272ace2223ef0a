"""A model whose chat template opens its reasoning, from data to evaluation, on real engines."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from reward.reasoning import split_reasoning
from rewriter_agent.config import load_config
from rewriter_agent.evaluate.result import read_result
from rewriter_agent.pipeline import STAGES, run_stages
from tests.helpers.tiny import distinct_rows, write_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.long]
LENGTH = {"max_completion_length": 96}


def test_a_thinking_model_is_rewritten_for_and_measured(thinking_backbone: Path, tmp_path: Path) -> None:
    rows = distinct_rows(14, seed=3)
    write_jsonl(tmp_path / "train.jsonl", rows[:8])
    write_jsonl(tmp_path / "test.jsonl", rows[8:])
    options = {
        "name": "thinking",
        "output_dir": str(tmp_path),
        "model": {"name_or_path": str(thinking_backbone), "max_model_len": 512},
        "data": {
            **{
                "source": "file",
                "train": str(tmp_path / "train.jsonl"),
                "test": str(tmp_path / "test.jsonl"),
            },
            "columns": {"answer": "answer"},
        },
        "prompts": {"reasoning": "write"},
        "prepare": {**LENGTH, "num_own_samples": 2},
        "cluster": {"engines": 1, "scorers": 1, "threads": 1, "max_num_seqs": 32, "kv_cache_gb": 0.1},
        "rewrite": {**LENGTH, "strategy": "best_of_n", "num_generations": 6},
        "evaluate": {**LENGTH, "retention": ["lab_sort"], "retention_limit": 2},
        "tracking": {"report_to": "none"},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(options))
    config = load_config(path)
    stages = [stage for stage in STAGES if stage.name in ("prepare", "rewrite", "evaluate-base")]
    assert len(stages) == 3
    run_stages(config, stages)
    targets = pq.read_table(config.folder / "rewrite" / "rewrites.parquet").to_pylist()
    rewritten = [row for row in targets if row["outcome"] == "rewritten"]
    assert rewritten
    for row in rewritten:
        reasoning, answer = split_reasoning(row["target_text"])
        assert reasoning
        assert "####" in answer
    kept = [split_reasoning(row["target_text"])[0] for row in targets if row["outcome"] != "rewritten"]
    assert not any(kept)
    task = read_result(config.folder / "evaluate-base" / "result.json").task
    assert task.metrics["thinks"] > 0.8
    assert task.metrics["reasoning_words"] > 3
    assert sum(task.scores["strict"].values()) > 0
