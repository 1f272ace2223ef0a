"""Checks of a run whose only engines serve the policy as an adapter, and the backbone beneath it."""

from pathlib import Path

import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM

from rewriter_agent.config import load_config
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.prepare.records import anchored_problems


def assert_samples_are_the_learners(folder: Path, steps: int) -> None:
    """The learner computes the log-probs that the engine sampled by."""
    rows = read_jsonl(folder / "train" / "metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    assert all(row["sampling/sampling_logp_difference/mean"] < 1e-3 for row in rows)
    assert all(row["fleet/policy/engines"] == row["fleet/backbone/engines"] == 1 for row in rows)


def assert_only_the_last_adapter_is_left(folder: Path) -> None:
    left = {path.name for path in (folder / "train").iterdir()}
    assert {"adapter", "model"} <= left
    assert "published" not in left


@torch.inference_mode()
def assert_rewrites_are_scored_by_the_backbone(folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32)
    tokens = load_tokens(str(LAB_FOLDER), ModelConfig())
    rows = pq.read_table(folder / "rewrite" / "rewrites.parquet").to_pylist()
    rewritten = [row for row in rows if row["outcome"] == "rewritten"]
    assert rewritten
    problems = anchored_problems(load_config(folder / "config.yaml"))
    for row in rewritten[:6]:
        prompt = tokens.question(problems[row["problem_id"]])
        logits = model(torch.tensor([prompt + row["target_ids"]])).logits[0, len(prompt) - 1 : -1]
        expected = logits.log_softmax(-1).gather(1, torch.tensor(row["target_ids"])[:, None])[:, 0]
        assert torch.allclose(torch.tensor(row["prior_logprobs"]), expected, atol=1e-2)
