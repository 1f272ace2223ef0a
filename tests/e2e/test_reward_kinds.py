"""The reward's other terms with real engines: entropies, embeddings and the judge come from the cluster."""

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from reward.support import support_term
from rewriter_agent.config import load_config
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.pipeline import PREPARE, REWRITE, TRAIN, run_stages
from tests.helpers.killed_run import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long]

SETTINGS = [
    "train.max_steps=2",
    "data.num_train=12",
    "data.num_test=2",
    # The judge is shown the problem, the candidate and its instructions.
    "model.max_model_len=768",
    # The one run whose engines and learner compute in it, which some CPUs have no instructions for.
    "model.dtype=bfloat16",
    "reward={alignment: typicality, diversity: embedding, judge: true, min_alignment: 0.0, "
    "coverage_weight: 0.2, tail_weight: 0.1, support_weight: 0.2}",
]


def test_typicality_whitened_embeddings_and_the_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Workers run in another folder, and results still belong in the user's.
    monkeypatch.chdir(tmp_path)
    loaded = load_config(write_config(tmp_path), [*SETTINGS, "output_dir=runs"])
    run_stages(loaded, (PREPARE, TRAIN, REWRITE))
    scores = pq.read_table(loaded.folder / "rewrite" / "candidates.parquet").to_pylist()
    costs = pq.read_table(loaded.folder / "rewrite" / "costs.parquet").to_pylist()
    passed = [score for score in scores if score["gate"]]
    for score in passed:
        assert score["alignment"] == pytest.approx(math.exp(-abs(score["typicality_gap"])))
        assert 0 <= score["diversity"] < 1
        # Every problem of the laboratory has a step whose result the question does not hold.
        assert 0 <= score["coverage"] <= 1
        terms = 0.35 * score["alignment"] + 0.5 * score["diversity"] + 0.2 * score["coverage"]
        terms += 0.1 * math.exp(score["tail"] / 4) + 0.2 * support_term(score["support"])
        assert score["total"] == pytest.approx(1 + terms)
    judged = passed + [score for score in scores if score["reason"] == "judge"]
    assert judged
    if len(passed) > 2:
        assert len({score["diversity"] for score in passed}) > 1
    # At most one corrupted candidate a group, and some group had a wrong answer to corrupt.
    assert {len(row["judged_bad"]) for row in costs} == {0, 1}
    metrics = read_jsonl(loaded.folder / "train" / "metrics.jsonl")
    assert len(metrics) == 2
    assert all("reward_terms/gate_mean" in step for step in metrics)


def test_the_reward_of_rlt_takes_the_solution_after_each_candidate(tmp_path: Path) -> None:
    changes = ["data.num_train=8", "data.num_test=2", "reward={preset: rlt}", "train.max_steps=1"]
    config = load_config(write_config(tmp_path), [*changes, "tracking.report_to=none"])
    run_stages(config, (PREPARE, TRAIN, REWRITE))
    scores = pq.read_table(config.folder / "rewrite" / "candidates.parquet").to_pylist()
    passed = [score for score in scores if score["gate"]]
    assert len({score["alignment"] for score in passed}) > 1
    for score in passed:
        assert 0 < score["alignment"] < 1
        assert score["total"] == pytest.approx(1 + score["alignment"])
