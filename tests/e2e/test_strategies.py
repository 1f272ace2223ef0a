"""Strategies and methods with a rewriter that another run has left, and the gap before any of it."""

import json
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

import rewriter_agent.replay.stage
import rewriter_agent.rewrite.job
from rewriter_agent.config import RunConfig, load_config, make_config
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.lab_world.skills import SKILLS
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.experiments.compare import compare_strategies, comparison
from rewriter_agent.experiments.gap.command import gap, gap_table
from rewriter_agent.experiments.results import read_measurements
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.pipeline import STAGES, run_stages
from rewriter_agent.prepare.records import anchored_problems
from rewriter_agent.replay.package_prompts import A_SKILL
from rewriter_agent.runtime.fingerprints import model_identity
from rewriter_agent.train.rewriter import RewriterCard, write_card
from sft.loss.weights import token_is_weights
from tests.helpers.killed_run import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROBLEMS, ROLLOUTS, STEPS = 12, 4, 7


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """The rewriter is the backbone itself, to avoid training."""
    tmp_path = tmp_path_factory.mktemp("strategies")
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


METHODS = [
    ("accepted_only", "policy", {"rewritten"}, "SFT on accepted rewrites alone"),
    ("self_train", "self_train", {"self_correct"}, "SFT on the model's own samples"),
    ("self_train", "self_train_unverified", {"self_correct"}, "SFT on the model's own samples"),
]


def test_each_method_is_a_whole_run(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use one folder, in which the stages that do not depend on the method are done once."""
    finished_at: set[str] = set()
    for method, strategy, outcomes, title in METHODS:
        run = with_method(config, method, strategy)
        interrupt_rewriting(run, monkeypatch)
        first = run.folder / "rewrite" / "shards" / "part-00000" / "rewrites.parquet"
        written = first.stat().st_mtime_ns
        run_stages(run, STAGES)
        assert first.stat().st_mtime_ns == written
        check_method(run, outcomes, title)
        finished_at.add(manifest(run, "sft-expert")["finished_at"])
    assert len(finished_at) == 1
    dropped = manifest(run, "sft-rewritten")["counts"]["problems_dropped"]
    assert manifest(run, "rewrite")["counts"]["rollouts"] == PROBLEMS
    assert manifest(run, "dataset")["counts"]["rows"] == PROBLEMS - dropped


def test_a_mix_with_replay_is_a_whole_run_also_after_an_interruption(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = {"source": "lab", "num_train": PROBLEMS, "num_test": 2, "steps": [1, 2]}
    sources = {"machine": lab, "terse": {**lab, "style": "terse", "seed": 1}}
    tree = with_method(config, "self_train", "self_train_unverified").model_dump(mode="json")
    tree["name"] = "mix"
    tree["data"] = {"source": "mix", "sources": sources, "weights": {"machine": 2}, "num_train": PROBLEMS}
    tree["sft"]["replay"] = {"share": 0.2}
    run = make_config(tree)
    interrupt_replay(run, monkeypatch)
    first = run.folder / "replay" / "shards" / "part-00000.parquet"
    written = first.stat().st_mtime_ns
    run_stages(run, STAGES)
    assert first.stat().st_mtime_ns == written
    made = manifest(run, "replay")["counts"]
    assert made["rollouts"] == made["texts"] == A_SKILL * len(SKILLS)
    assert min(made["rows"], made["generated_tokens"], made["scored_tokens"]) > 0
    check_replay(run)
    check_mix(run)


def interrupt_replay(run: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run until the second shard of replay is to be answered."""
    answered: list[int] = []
    answer_rows = rewriter_agent.replay.stage._rows

    def interrupted(*parts: Any) -> list[dict[str, Any]]:
        if answered:
            raise KeyboardInterrupt
        answered.append(1)
        return answer_rows(*parts)

    with monkeypatch.context() as patch:
        patch.setattr(rewriter_agent.replay.stage, "_rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_stages(run, STAGES)


def check_replay(run: RunConfig) -> None:
    """Check the rows, that their prior is their writer, and the shares in manifest and report."""
    rows = pq.read_table(run.folder / "sft-rewritten" / "rows.parquet").to_pylist()
    replayed = [row for row in rows if row["outcome"] == "replay"]
    counts = manifest(run, "sft-rewritten")["counts"]
    assert counts["replay_rows"] == len(replayed) == round((len(rows) - len(replayed)) / 4) > 0
    assert counts["replay_share"] == pytest.approx(len(replayed) / len(rows), abs=1e-4)
    for row in replayed:
        # The backbone wrote them at temperature 1, so both log-probs are the same but for the engine's 16 bits.
        assert row["behavior_logprobs"] == pytest.approx(row["prior_logprobs"], abs=0.05)
    expert = pq.read_table(run.folder / "sft-expert" / "rows.parquet").to_pylist()
    assert "replay" not in {row["outcome"] for row in expert}
    numbers = json.loads((run.folder / "report" / "report.json").read_text())
    assert numbers["replay"] == {
        "rows": counts["replay_rows"],
        "share": counts["replay_share"],
        "token_share": counts["replay_token_share"],
    }
    assert "replay" in {stage["stage"] for stage in numbers["stages"]}


def check_mix(run: RunConfig) -> None:
    """Check the shares of the sources in manifest and report, and the scores by source."""
    counts = manifest(run, "prepare")["counts"]
    given = {key: counts[key] for key in ("train/machine", "train/terse", "test/machine", "test/terse")}
    assert list(given.values()) == [2 * PROBLEMS // 3, PROBLEMS // 3, 2, 2]
    numbers = json.loads((run.folder / "report" / "report.json").read_text())
    targets = {name: found["count"] for name, found in numbers["rewriting"]["sources"].items()}
    assert targets.keys() == {"machine", "terse"}
    assert sum(targets.values()) == numbers["rewriting"]["targets"]
    for arm in numbers["arms"]:
        assert arm["parts"]["task"]["breakdown"]["source"].keys() == {"machine", "terse"}


def with_method(config: RunConfig, method: str, strategy: str) -> RunConfig:
    changes = {
        "method": method,
        "rewrite": {"strategy": strategy, "shard_size": 4}
        | ({} if strategy == "policy" else {"rewriter": None}),
        "sft": {"outcome_weights": {}, "max_steps": 2},
        "evaluate": {"retention": ["lab"], "retention_limit": 4, "num_samples": 0, "own_answers": 4},
        "tracking": {"report_to": "none"},
    }
    tree = config.model_dump(mode="json")
    for key, value in changes.items():
        tree[key] = {**tree[key], **value} if isinstance(value, dict) else value
    return make_config(tree)


def interrupt_rewriting(run: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run until the second shard of the rewriting is to be written."""
    written: list[Path] = []
    write_records = rewriter_agent.rewrite.job.write_records

    def interrupted(path: Path, *parts: Any) -> None:
        if written:
            raise KeyboardInterrupt
        write_records(path, *parts)
        written.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(rewriter_agent.rewrite.job, "write_records", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_stages(run, STAGES)


def check_method(run: RunConfig, outcomes: set[str], title: str) -> None:
    """Check the rows, that the expert is unseen by a method of the model's own samples, and the report."""
    rows = pq.read_table(run.folder / "sft-rewritten" / "rows.parquet").to_pylist()
    assert {row["outcome"] for row in rows} == outcomes
    targets = pq.read_table(run.folder / "rewrite" / "rewrites.parquet").to_pylist()
    accepted = [row for row in targets if row["outcome"] in outcomes]
    assert len(rows) == len(accepted) > 0
    assert len(targets) - len(accepted) == manifest(run, "sft-rewritten")["counts"]["problems_dropped"]
    if run.method == "self_train":
        assert {(row["writer"], row["prompt_kind"]) for row in accepted} == {("backbone", "question")}
    numbers = json.loads((run.folder / "report" / "report.json").read_text())
    assert numbers["method"] == run.method
    assert [arm["arm"] for arm in numbers["arms"]] == ["base", "expert", "rewritten"]
    spent = {stage["stage"]: stage for stage in numbers["stages"]}["rewrite"]
    assert spent["wall_seconds"] > 0
    assert min(spent["spent"][cost] for cost in ("rollouts", "generated_tokens", "scored_tokens")) > 0
    assert title in (run.folder / "report" / "report.md").read_text()


def manifest(run: RunConfig, stage: str) -> dict[str, Any]:
    return json.loads((run.folder / stage / "manifest.json").read_text())
