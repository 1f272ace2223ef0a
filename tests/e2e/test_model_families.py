"""Models with several end tokens, a dated template or no system role, the whole way from data to report."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.pipeline import STAGES, run_stages
from rewriter_agent.runtime.run_folder import RunFolder
from tests.helpers.model_variants import FAMILIES, TEXT_END, TURN_END

pytestmark = [pytest.mark.slow, pytest.mark.long]

LENGTH = {"max_completion_length": 160}
CONFIG: dict[str, Any] = {
    "name": "family",
    "model": {"dtype": "float32", "max_model_len": 640},
    "data": {"source": "lab", "style": "machine", "num_train": 8, "num_test": 2, "steps": [1, 2]},
    "prepare": {**LENGTH, "num_own_samples": 2, "shard_size": 8},
    "reward": {"min_alignment": 0.0},
    "cluster": {"engines": 1, "scorers": 1, "threads": 1, "max_num_seqs": 32, "kv_cache_gb": 0.1},
    "train": {
        **LENGTH,
        "max_steps": 1,
        "num_generations": 4,
        "per_device_train_batch_size": 16,
        "learning_rate": 5e-4,
        "lora": {"r": 8},
    },
    "rewrite": {**LENGTH, "num_generations": 4, "shard_size": 8},
    "sft": {
        "max_steps": 1,
        "num_workers": 1,
        "max_length": 640,
        "logging_steps": 1,
        "gradient_checkpointing": False,
        "bf16": False,
    },
    "evaluate": {**LENGTH, "retention": ["lab_sort"], "retention_limit": 2},
    "tracking": {"report_to": "none"},
}
LONG_AGO = {"started_at": "2020-01-31T23:59:58+00:00"}


DATED = ("dated_phi", "llama")


@pytest.fixture(params=["dated_phi", "phi", "llama", "qwen25", "gemma"])
def finished(request: pytest.FixtureRequest, tmp_path: Path) -> RunConfig:
    """A run of one family that was started first on an earlier day."""
    model = FAMILIES[request.param](tmp_path / request.param)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    config = load_config(path, [f"model.name_or_path={model}", f"output_dir={tmp_path}"])
    config.folder.mkdir()
    RunFolder(config.folder).first_start.write_text(json.dumps(LONG_AGO))
    run_stages(config, STAGES)
    return config


def rows(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def test_the_whole_way(finished: RunConfig, capfd: pytest.CaptureFixture[str]) -> None:
    folder = finished.folder
    ends = {TEXT_END, TURN_END}
    (step,) = [row for row in read_jsonl(folder / "train" / "metrics.jsonl") if "reward" in row]
    assert step["reward_terms/gate_mean"] > 0
    assert step.get("rejected/unfinished", 0) < 0.5
    assert step["completions/clipped_ratio"] < 0.5
    assert {row["expert_ids"][-1] for row in rows(folder / "prepare" / "train.parquet")} == {TURN_END}
    rewritten = [r for r in rows(folder / "rewrite" / "rewrites.parquet") if r["outcome"] == "rewritten"]
    assert rewritten
    assert {row["target_ids"][-1] for row in rewritten} <= ends
    counts = json.loads((folder / "rewrite" / "manifest.json").read_text())["counts"]
    assert counts["rescored"] > 0
    for arm in ("expert", "rewritten"):
        learned = rows(folder / f"sft-{arm}" / "rows.parquet")
        assert {row["completion_ids"][-1] for row in learned} <= ends
        published = json.loads((folder / f"sft-{arm}" / "model" / "generation_config.json").read_text())
        assert published["eos_token_id"] == sorted(ends)
    result = json.loads((folder / "evaluate-base" / "result.json").read_text())
    assert result["task"]["metrics"]["finished"] == 1
    _check_dates(finished)
    capfd.readouterr()
    run_stages(finished, STAGES)
    wanted = [stage.name for stage in STAGES if stage.wanted(finished)]
    assert capfd.readouterr().out.count("complete, skipped") == len(wanted)
    assert "sft-rewritten" in wanted


def _check_dates(config: RunConfig) -> None:
    """Every stage has built its prompts with the date that was recorded."""
    if Path(config.model.name_or_path).name not in DATED:
        return
    tokenizer = load_tokens(config.model.name_or_path, config.model).tokenizer
    prompts = [
        tokenizer.decode(row["prompt_ids"])
        for arm in ("expert", "rewritten")
        for row in rows(config.folder / f"sft-{arm}" / "rows.parquet")
    ]
    own = config.folder / "evaluate-base" / "own_answers.parquet"
    prompts += [tokenizer.decode(row["prompt_ids"]) for row in rows(own)]
    assert prompts
    assert all("Today Date: 31 Jan 2020" in prompt for prompt in prompts)
