"""Strategies side by side, with a rewriter that another run has left, and the gap before any of it."""

import json
import shutil
from pathlib import Path
from statistics import fmean

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.experiments.compare import compare_strategies, comparison
from rewriter_agent.experiments.gap.command import gap, gap_table
from rewriter_agent.experiments.results import read_measurements
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.prepare.records import anchored_problems
from rewriter_agent.runtime.fingerprints import model_identity
from rewriter_agent.train.rewriter import RewriterCard, write_card
from sft.loss.weights import token_is_weights
from tests.helpers.killed_run import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROBLEMS, ROLLOUTS, STEPS = 12, 4, 7


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """The rewriter is the backbone itself, to avoid training."""
    rewriter = tmp_path / "rewriter"
    shutil.copytree(LAB_FOLDER, rewriter / "model")
    write_card(rewriter, RewriterCard("lab", model_identity(str(LAB_FOLDER)), STEPS))
    settings = [
        f"data={{source: lab, num_train: {PROBLEMS}, num_test: 2, steps: [1, 2]}}",
        f"rewrite={{rewriter: {rewriter}, num_generations: {ROLLOUTS}, max_completion_length: 112}}",
    ]
    return load_config(write_config(tmp_path), settings)


def test_strategies_and_the_gap(config: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    results = compare_strategies(config, ("policy", "mind_the_gap", "expert"))
    found = {result.arm: result.metrics for result in results}
    assert {name: metrics["targets"] for name, metrics in found.items()} == dict.fromkeys(found, PROBLEMS)
    assert found["policy"]["rollouts"] == PROBLEMS * ROLLOUTS
    assert PROBLEMS * ROLLOUTS / 2 <= found["mind_the_gap"]["rollouts"] <= PROBLEMS * ROLLOUTS
    assert (found["expert"]["rollouts"], found["expert"]["rewritten"]) == (0, 0)
    assert found["policy"]["rewritten"] > 0
    assert min(found["policy"]["logprob"], found["mind_the_gap"]["logprob"]) > found["expert"]["logprob"]
    assert "training cost" not in comparison(results)
    rows = pq.read_table(config.folder / "rewrite-policy" / "rewrites.parquet").to_pylist()
    assert {row["policy_version"] for row in rows} == {STEPS}
    assert {(row["writer"], row["prompt_kind"]) for row in rows} <= {("policy", "rewriting"), (None, None)}
    check_weights(config)
    assert read_measurements(config.folder / "strategies.json") == results
    assert (config.folder / "config.yaml").exists()
    capsys.readouterr()
    assert compare_strategies(config, ("policy", "expert")) == [results[0], results[2]]
    assert capsys.readouterr().out.count("complete, skipped") == 3

    measured = gap(config, 8)
    assert len(measured.rows) == 8
    assert measured.training_rows == PROBLEMS
    assert measured.summary["expert_logprob"] < measured.summary["own_logprob"]
    assert measured.trial.candidates == 8 * ROLLOUTS
    assert 0 < measured.trial.accepted < 8 * ROLLOUTS
    assert "8 of 12 training rows" in gap_table(measured, config.folder)
    assert (config.folder / "gap" / "gap.html").exists()
    assert len(json.loads((config.folder / "gap" / "gap.json").read_text())["rows"]) == 8


@torch.inference_mode()
def check_weights(config: RunConfig) -> None:
    """Check the first weights: 1 for on-policy rows, less for rewrites, and those of DFT for the expert's text."""
    model = AutoModelForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32)
    tokens = load_tokens(str(LAB_FOLDER), ModelConfig())
    problems = anchored_problems(config)
    means: dict[str, list[float]] = {}
    folders = [config.folder / f"rewrite-{name}" for name in ("policy", "mind_the_gap")]
    for row in [row for path in folders for row in pq.read_table(path / "rewrites.parquet").to_pylist()]:
        prompt, ids = tokens.question(problems[row["problem_id"]]), row["target_ids"]
        logits = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        student = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0]
        found = token_is_weights(student, torch.tensor(row["behavior_logprobs"]), clip_max=1.0)
        assert torch.allclose(torch.tensor(row["prior_logprobs"]), student, atol=1e-2)
        if row["outcome"] == "self_correct":
            assert torch.allclose(found.ratio, torch.ones(len(ids)), atol=2e-2)
        if row["behavior"] == "expert":
            assert torch.allclose(found.weights, student.exp())
        means.setdefault(row["outcome"], []).append(found.weights.mean().item())
    assert means["self_correct"]
    assert min(means["self_correct"]) > 0.98
    assert min(means["rewritten"]) < 0.9
    assert fmean(means["rewritten"]) < fmean(means["self_correct"])
