"""Hours of a run on GPUs: the throughput model follows its assumptions."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gpu_hours import Assumptions, hours
from cluster.planning.machine import Machine
from cluster.planning.plan import make_plan
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.size import model_shape
from rewriter_agent.runtime.workload import cluster_layout, workload

CONFIG = Path(__file__).parents[1] / "configs" / "8gpu" / "mistral-7b.yaml"
NODE = [Machine(cpus=96, memory_gb=1000, gpus=8, gpu_memory_gb=79)]
GIVEN = Assumptions()


def estimated(given: Assumptions, *changes: str) -> dict[str, float]:
    config = configured(*changes)
    work = workload(config, model_shape(config.model.name_or_path))
    return hours(config, make_plan(cluster_layout(config, NODE), work, NODE), given)


def configured(*changes: str) -> RunConfig:
    return load_config(CONFIG, [f"model.name_or_path={LAB_FOLDER}", *changes])


def test_work_and_speed_are_proportional_to_hours() -> None:
    before = estimated(GIVEN)
    assert all(value > 0 for value in before.values())
    twice = estimated(GIVEN, "data.num_train=100000", "train.max_steps=400")
    for stage in ("prepare", "train", "rewrite", "sft-expert and sft-rewritten"):
        assert twice[stage] == pytest.approx(2 * before[stage])
    slower = estimated(replace(GIVEN, sft_share=GIVEN.sft_share / 2))
    assert slower["sft-expert and sft-rewritten"] == pytest.approx(2 * before["sft-expert and sft-rewritten"])
    assert slower["rewrite"] == before["rewrite"]


def test_overlap_hides_the_shorter_part_of_a_step() -> None:
    ahead, in_turns = estimated(GIVEN), estimated(GIVEN, "train.max_staleness=0")
    assert ahead["train"] < in_turns["train"] <= 2 * ahead["train"]


def test_an_adapter_and_no_checkpointing_train_faster() -> None:
    stage = "sft-expert and sft-rewritten"
    whole = estimated(GIVEN)[stage]
    assert estimated(GIVEN, "sft.lora={r: 8}")[stage] == pytest.approx(whole * 6 / 8)
    assert estimated(GIVEN, "sft.gradient_checkpointing=false")[stage] == pytest.approx(whole * 6 / 8)
