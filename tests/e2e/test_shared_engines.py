"""Runs whose only engines serve the policy as an adapter, and the backbone beneath it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM

from rewriter_agent.config import load_config
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.prepare.records import anchored_problems
from tests.helpers.killed_run import NAME, STAGE_SECONDS, write_config
from tests.helpers.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

STEPS = 4


def run_shared(base: Path, command: str, **train: Any) -> tuple[Path, int]:
    """The run's folder, and the most engines that were there at a time."""
    config = write_config(base)
    tree = yaml.safe_load(config.read_text())
    tree["cluster"] |= {"scorers": 0, "enable_lora": True}
    tree["data"] |= {"num_train": 24, "num_test": 4}
    tree["train"] |= {"max_steps": STEPS, **train}
    tree["tracking"] = {"report_to": "none"}
    config.write_text(yaml.safe_dump(tree))
    most = 0
    with subprocess.Popen(
        [sys.executable, "-m", "rewriter_agent", command, str(config)], cwd=ROOT, text=True
    ) as run:
        while run.poll() is None:
            children = psutil.Process(run.pid).children(recursive=True)
            most = max(most, sum("ray::VLLMEngine" in " ".join(line(child)) for child in children))
            psutil.wait_procs([psutil.Process(run.pid)], timeout=1)
        assert run.wait(STAGE_SECONDS) == 0
    return base / NAME, most


def line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, most = run_shared(tmp_path_factory.mktemp("shared"), "rewrite")
    assert most == 1
    return folder


def test_the_learner_computes_what_the_engine_sampled_by(folder: Path) -> None:
    steps = read_jsonl(folder / "train" / "metrics.jsonl")
    assert [row["step"] for row in steps] == list(range(1, STEPS + 1))
    assert all(row["sampling/sampling_logp_difference/mean"] < 1e-3 for row in steps)
    assert all(row["fleet/policy/engines"] == row["fleet/backbone/engines"] == 1 for row in steps)


def test_the_last_adapter_is_all_that_is_left(folder: Path) -> None:
    left = {path.name for path in (folder / "train").iterdir()}
    assert {"adapter", "model"} <= left
    assert "published" not in left


@torch.inference_mode()
def test_rewrites_are_scored_by_the_backbone(folder: Path) -> None:
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
        assert torch.allclose(torch.tensor(row["behavior_logprobs"]), expected, atol=1e-2)


@pytest.mark.long
def test_one_step_ahead_too(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "prepare", tmp_path / NAME / "prepare")
    folder, most = run_shared(tmp_path, "train", max_staleness=1)
    assert most == 1
    steps = read_jsonl(folder / "train" / "metrics.jsonl")
    assert [row["sample/staleness_max"] for row in steps] == [0] + [1] * (STEPS - 1)
