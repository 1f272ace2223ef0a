"""Retention on transformers, in a Ray task, compared with engines."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from cluster.config import ClusterConfig
from cluster.session import connect
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.evaluate.fleet_lm import FleetLM
from rewriter_agent.evaluate.retention import evaluate_retention
from rewriter_agent.evaluate.transformers_lm import TransformersModel, evaluate_on_transformers
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from tests.helpers.local_fleet import LocalFleet

LENGTH = 512


@pytest.mark.slow
def test_transformers_and_engines_score_alike(tmp_path: Path) -> None:
    choices = [f"{n} + {m}" for n in range(1, 5) for m in (1, 2)]
    sums = [str(n + m) for n in range(1, 5) for m in (1, 2)]
    rows = [
        {"question": f"What is {asked}?", "choices": [answer, str(int(answer) + 3)], "answer": answer}
        for asked, answer in zip(choices, sums, strict=True)
    ]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    written = [{"question": row["question"], "answer": row["answer"]} for row in rows]
    (tmp_path / "written.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))

    tokenizer = load_tokenizer(str(LAB_FOLDER))
    model = AutoModelForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32).eval()
    lm = FleetLM(LocalFleet(model, tokenizer.eos_token_id, LENGTH), tokenizer, seed=0)
    config = EvaluateConfig()
    tokens = load_tokens(str(LAB_FOLDER), ModelConfig())
    subject = TransformersModel(LAB_FOLDER, "float32", LENGTH, use_gpu=False, threads=1, tokens=tokens)
    with connect(ClusterConfig()):
        for name in ("sums", "written"):
            path = str(tmp_path / f"{name}.jsonl")
            there = evaluate_on_transformers(subject, path, config, None)
            here = evaluate_retention(lm, path, config)
            assert there.scores == here.scores
            assert there.metrics == pytest.approx(here.metrics)
            assert [s["target"] for s in there.samples] == [s["target"] for s in here.samples]
    # The laboratory's backbone adds small numbers.
    assert there.metrics["exact,none"] > 0.5
