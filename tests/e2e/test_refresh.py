"""Targets rewritten on the way, by and for the student, with an interruption in between."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import rewriter_agent.finetune.refresh
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.pipeline import PREPARE, REWRITE, SFT_REWRITTEN, run_stages
from tests.helpers.killed_run import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long]

STAGES = (PREPARE, REWRITE, SFT_REWRITTEN)
STEPS, EVERY, BATCH = 6, 3, 4
SFT = (
    "{weight: {kind: iw_sft, scale: 1, clip_max: 2}, learning_rate: 2.0e-4, max_steps: 6, num_workers: 2, "
    "max_length: 512, save_steps: 2, per_device_train_batch_size: 2, logging_steps: 1, probe_steps: 1, "
    "gradient_checkpointing: false, bf16: false, lr_scheduler_type: constant, refresh: {steps: 3}}"
)


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return load_config(
        write_config(tmp_path),
        [
            "data={source: lab, num_train: 8, num_test: 2, steps: [1, 2]}",
            "rewrite={strategy: best_of_n, num_generations: 4, max_completion_length: 112}",
            f"sft={SFT}",
        ],
    )


def test_the_student_is_rewritten_for_also_after_an_interruption(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rewriter_agent.finetune.refresh, "rewrite_problems", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_stages(config, STAGES)
    folder = config.folder / SFT_REWRITTEN.name
    before = read_jsonl(folder / "metrics.jsonl")
    assert [line["step"] for line in before] == [1, 2, 3]
    run_stages(config, STAGES)
    check_refreshed(config)
    assert read_jsonl(folder / "metrics.jsonl")[:EVERY] == before


def check_refreshed(config: RunConfig) -> None:
    folder = config.folder / SFT_REWRITTEN.name
    lines = read_jsonl(folder / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert [line["staleness"] for line in lines] == [0, 1, 2, 0, 1, 2]
    drift = [abs(line["ratio_mean"] - 1) for line in lines]
    print("drift of the ratio from 1:", [round(value, 3) for value in drift])
    # The prior is the student itself: if it is fresh, the ratio is 1 up to 16 bits and the difference of engines.
    assert drift[0] < 0.05
    assert drift[EVERY] < 0.05 < drift[EVERY - 1]
    counts = json.loads((folder / "manifest.json").read_text())["counts"]
    expected = {"refreshes": 1, "staleness_mean": 1.0, "staleness_max": 2, "rows": STEPS * BATCH}
    assert {key: counts[key] for key in expected} == expected
    first, second = (targets(config.folder / place) for place in ("rewrite", "sft-rewritten/parts/000003"))
    assert set(second) <= set(first)
    assert any(first[problem]["prior_logprobs"] != row["prior_logprobs"] for problem, row in second.items())
    assert not (folder / "student").exists()


def targets(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["problem_id"]: row for row in pq.read_table(folder / "rewrites.parquet").to_pylist()}
