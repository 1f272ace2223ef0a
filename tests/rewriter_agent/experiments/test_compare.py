"""Strategies in one table."""

from pathlib import Path
from typing import Any

import pytest

from rewriter_agent.config import RunConfig
from rewriter_agent.config.strategies import GUIDED, STRATEGIES
from rewriter_agent.experiments.compare import comparison, rewriting_result, with_strategy
from rewriter_agent.io.files import write_json, write_jsonl
from rewriter_agent.pipeline import REWRITE, SFT_REWRITTEN, TRAIN
from rewriter_agent.prepare.records import Prepared
from rewriter_agent.rewrite.job import write_records
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.rounds import Attempt, Group
from rewriter_agent.runtime.stage import Stage
from rewriter_agent.scoring.group_scorer import ScoredGroup
from sft.config.weights import DFTWeight
from tests.helpers.groups import ExactVerifier, failed, make_problem, make_sample, passed


@pytest.fixture
def base(tmp_path: Path) -> RunConfig:
    tree: dict[str, Any] = {"name": "r", "output_dir": tmp_path, "model": {}, "data": {"source": "lab"}}
    return RunConfig.model_validate(tree | {"rewrite": {"num_generations": 4, "select": "first"}})


def test_every_strategy_has_the_same_budget_and_its_own_rule(base: RunConfig) -> None:
    for name in STRATEGIES:
        changed = with_strategy(base, name)
        assert (changed.rewrite.strategy, changed.rewrite.select) == (name, None)
        assert changed.model_copy(update={"rewrite": base.rewrite, "method": "rewrite"}) == base
        assert (changed.method == "self_train") == name.startswith("self_train")
        assert changed.rewrite.num_generations == 4


def test_accepted_only_is_the_rewriting_of_the_policy_without_the_experts_rows(base: RunConfig) -> None:
    policy, accepted = with_strategy(base, "policy"), with_strategy(base, "accepted_only")
    assert accepted.model_copy(update={"method": "rewrite"}) == policy
    assert REWRITE.fingerprint(accepted) == REWRITE.fingerprint(policy)
    assert SFT_REWRITTEN.fingerprint(accepted) != SFT_REWRITTEN.fingerprint(policy)
    keeping = base.model_copy(update={"rewrite": base.rewrite.model_copy(update={"keep_gap": 0.1})})
    assert with_strategy(keeping, "accepted_only").rewrite.keep_gap is None
    weighting = base.sft.model_copy(update={"outcome_weights": {"expert_fallback": DFTWeight()}})
    for name in ("accepted_only", "self_train"):
        assert with_strategy(base.model_copy(update={"sft": weighting}), name).sft.outcome_weights == {}


def test_a_result_counts_targets_candidates_and_what_training_cost(base: RunConfig) -> None:
    samples = [make_sample("a way of one's own: 5 - 4 = 2 #### 5"), make_sample("another way #### 5")]
    logprobs = [[-0.2] * len(samples[0].token_ids), None]
    scored = ScoredGroup(samples, [passed(1.2), failed("copy")], logprobs, [])
    origin = Provenance(base.rewrite, 3, 0)
    attempts = [
        Attempt(make_problem("a"), [Group(GUIDED, scored, 9)]),
        Attempt(make_problem("b"), [], "prompt_too_long"),
    ]
    problems = [Prepared(attempt.problem, [7], [-2.0]) for attempt in attempts]
    write_records(base.folder / "rewrite-policy", problems, attempts, origin, ExactVerifier().check_steps)
    write_json(base.folder / "rewrite-policy" / "manifest.json", {"counts": {}, "wall_seconds": 12.0})
    trained = {"counts": {"rollouts": 96, "generated_tokens": 5000}, "wall_seconds": 60.0}
    write_json(base.folder / TRAIN.name / "manifest.json", trained)
    steps = [{"step": step, "reward_terms/gate_mean": step / 2} for step in (1, 2)]
    write_jsonl(base.folder / TRAIN.name / "metrics.jsonl", steps)
    found = rewriting_result("policy", Stage("rewrite-policy", (), (), dict), base, base)
    metrics = found.metrics
    assert (metrics["targets"], metrics["rewritten"], metrics["accepted"]) == (2, 0.5, 0.5)
    assert metrics["logprob"] == pytest.approx((-0.2 - 2.0) / 2)
    assert metrics["tail"] == 0.5
    assert metrics["rollouts"] == 2
    assert metrics["training_rollouts"] == 96
    assert found.curves["gate"] == [(1, 0.5), (2, 1.0)]
    shown = comparison([found])
    cells = ["policy", "2", "50.0%", "50.0%", "–", "50.0%", "-1.100", "50.0%"]
    assert shown.split("\n")[1].split()[:8] == cells
    dropping = base.model_copy(update={"method": "accepted_only"})
    dropped = rewriting_result("accepted_only", Stage("rewrite-policy", (), (), dict), dropping, base).metrics
    assert (dropped["targets"], dropped["rewritten"]) == (1, 0.5)
    assert dropped["logprob"] == pytest.approx(-0.2)
    assert dropped["false_step"] == 1
    assert {dropped[cost] for cost in ("rollouts", "training_rollouts")} == {2, 96}
    assert "training cost 96 rollouts, 5,000 generated tokens and 60 seconds more" in shown
