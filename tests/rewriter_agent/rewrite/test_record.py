"""The record of one rewritten problem: its targets, everything tried for them, and what that cost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from reward import FalseStep, Score, StepReport
from rewriter_agent.config.outcomes import (
    EXPERT,
    EXPERT_FALLBACK,
    EXPERT_KEPT,
    REWRITTEN,
    SELF_CORRECT,
    TOOL_CALL,
)
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import ALONE, GUIDED, Round
from rewriter_agent.io.files import write_table
from rewriter_agent.rewrite.record import (
    CANDIDATES,
    PROBLEM_COSTS,
    REWRITES,
    ExpertTokens,
    Provenance,
    add_false_steps,
    candidate_rows,
    cost_row,
    target_rows,
)
from rewriter_agent.rewrite.rounds import Attempt, Group
from rewriter_agent.rewrite.tally import Tally
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.scoring.group_scorer import ScoredGroup
from tests.helpers.groups import failed, fake_logprobs, make_problem, make_sample, passed

PROBLEM = make_problem("a")
STEPS: dict[str, Any] = {
    "steps_checked": 2,
    "false_steps": (FalseStep("5 - 4 = 2", "2", "1"),),
    "broken_steps": ("1 - = 5",),
}
EXPERTS = ExpertTokens([7, 8, 0], [-1.5, -2.0, -0.25])
TEXTS = ("first", "second", "third")
SAMPLES = [make_sample(text) for text in TEXTS]


def group(*scores: Score, round_: Round = GUIDED) -> Group:
    samples = SAMPLES[: len(scores)]
    logprobs = [
        fake_logprobs(s.token_ids) if score.gate else None for s, score in zip(samples, scores, strict=True)
    ]
    return Group(round_, ScoredGroup(samples, list(scores), logprobs, [], judged=1), prompt_tokens=7)


def rows(*groups: Group, skipped: str | None = None, **config: Any) -> list[dict[str, Any]]:
    origin = Provenance(RewriteConfig(**config), 6, 42)
    return target_rows(Attempt(PROBLEM, list(groups), skipped), EXPERTS, origin)


def attempt(*groups: Group) -> Attempt:
    return Attempt(PROBLEM, list(groups))


def row(*scores: Score) -> dict[str, Any]:
    (only,) = rows(group(*scores))
    return only


def test_the_highest_total_that_passes_is_the_target() -> None:
    found = row(passed(1.2), failed("copy"), passed(1.4))
    assert (found["outcome"], found["selected"], found["reason"]) == (REWRITTEN, 2, None)
    assert found["target_text"] == "third"
    assert found["target_ids"] == list(SAMPLES[2].token_ids)
    assert found["behavior"] == "backbone"
    assert found["behavior_logprobs"] == list(SAMPLES[2].logprobs)
    assert found["prior_logprobs"] == fake_logprobs(SAMPLES[2].token_ids)
    assert len(found["behavior_logprobs"]) == len(found["prior_logprobs"]) == len(found["target_ids"])


def test_of_equal_totals_the_first_is_taken() -> None:
    assert row(failed("copy"), passed(1.2), passed(1.2))["selected"] == 1


def test_where_none_passes_the_expert_solution_stays_with_the_commonest_reason() -> None:
    found = row(failed("wrong_answer"), failed("unfinished"), failed("unfinished"))
    assert (found["outcome"], found["selected"], found["reason"]) == (EXPERT_FALLBACK, None, "unfinished")
    assert found["target_text"] == PROBLEM.solution
    assert found["target_ids"] == EXPERTS.ids
    check_point_mass(found, "expert")
    assert found["prior_logprobs"] == EXPERTS.logprobs


@pytest.mark.parametrize(
    ("skipped", "outcome"),
    [
        ("in_distribution", EXPERT_KEPT),
        ("tool_call", TOOL_CALL),
        ("prompt_too_long", EXPERT_FALLBACK),
        (None, EXPERT),
    ],
)
def test_without_candidates_the_expert_solution_stays(skipped: str | None, outcome: str) -> None:
    (found,) = rows(skipped=skipped, strategy="expert")
    assert (found["outcome"], found["reason"]) == (outcome, skipped)
    assert found["target_text"] == PROBLEM.solution
    check_point_mass(found, "expert")
    assert found["prior_logprobs"] == EXPERTS.logprobs
    untouched = Attempt(PROBLEM, [], skipped)
    assert (cost_row(untouched)["rollouts"], candidate_rows(untouched)) == (0, [])


def check_point_mass(found: dict[str, Any], writer: str) -> None:
    assert found["behavior"] == writer
    assert found["behavior_logprobs"] == [0.0] * len(found["target_ids"])


@pytest.mark.parametrize(
    ("round_", "outcome", "writer"),
    [
        (Round("policy", "rewriting"), REWRITTEN, "rewriter"),
        (GUIDED, REWRITTEN, "backbone"),
        (ALONE, SELF_CORRECT, "backbone"),
    ],
)
def test_a_target_has_the_log_probs_of_its_writer_and_of_the_backbone(
    round_: Round, outcome: str, writer: str
) -> None:
    (found,) = rows(group(passed(1.2), failed("copy"), round_=round_), temperature=0.7)
    assert (found["outcome"], found["behavior"]) == (outcome, writer)
    assert found["behavior_logprobs"] == list(SAMPLES[0].logprobs)
    assert found["prior_logprobs"] == fake_logprobs(SAMPLES[0].token_ids)
    (greedy,) = rows(group(passed(1.2), failed("copy"), round_=round_), temperature=0)
    check_point_mass(greedy, writer)
    assert greedy["prior_logprobs"] == found["prior_logprobs"]


def test_a_target_that_quotes_the_expert_is_a_point_mass() -> None:
    quoting = replace(SAMPLES[0], logprobs=())
    scored = ScoredGroup([quoting], [passed(1.2)], [fake_logprobs(quoting.token_ids)], [])
    (found,) = rows(Group(Round("policy", "rewriting"), scored, prompt_tokens=7))
    assert (found["outcome"], found["writer"]) == (REWRITTEN, "policy")
    check_point_mass(found, "expert")
    assert found["prior_logprobs"] == fake_logprobs(quoting.token_ids)


def test_several_targets_are_several_rows() -> None:
    found = rows(group(passed(1.2), passed(1.4), passed(1.3)), num_targets=2)
    assert [(r["target"], r["target_text"]) for r in found] == [(0, "second"), (1, "third")]
    assert [r["selected"] for r in found] == [1, 2]
    assert len(rows(group(passed(1.2), failed("copy")), num_targets=2)) == 1


def test_rounds_are_told_apart() -> None:
    alone = group(failed("wrong_answer"), failed("wrong_answer"), round_=ALONE)
    (found,) = rows(alone, group(failed("copy"), passed(1.2)), strategy="mind_the_gap")
    assert (found["outcome"], found["selected"]) == (REWRITTEN, 3)
    assert (found["writer"], found["prompt_kind"]) == ("backbone", "rewriting")
    both = attempt(alone, group(failed("copy"), passed(1.2)))
    told = [(r["number"], r["round"], r["writer"], r["prompt_kind"]) for r in candidate_rows(both)]
    assert told == [
        (0, 0, "backbone", "question"),
        (1, 0, "backbone", "question"),
        (2, 1, "backbone", "rewriting"),
        (3, 1, "backbone", "rewriting"),
    ]
    assert cost_row(both)["rollouts"] == 4
    (solved,) = rows(group(failed("copy"), passed(1.2), round_=ALONE), strategy="mind_the_gap")
    assert solved["outcome"] == SELF_CORRECT


def test_costs_are_in_tokens() -> None:
    found = cost_row(attempt(group(passed(1.2), failed("copy"), failed("leak"))))
    assert found["generated_tokens"] == sum(len(sample.token_ids) for sample in SAMPLES)
    assert found["scored_tokens"] == len(SAMPLES[0].token_ids)
    assert (found["prompt_tokens"], found["judged"]) == (7, 1)


def test_a_record_says_where_it_comes_from() -> None:
    found = row(passed(1.2), failed("copy"), failed("leak"))
    assert (found["problem_id"], found["question"], found["answer"]) == (
        "a",
        PROBLEM.question,
        PROBLEM.answer,
    )
    assert found["expert_solution"] == PROBLEM.solution
    assert (found["strategy"], found["policy_version"], found["seed"]) == ("policy", 6, 42)
    tried = candidate_rows(attempt(group(passed(1.2), failed("copy"), failed("leak"))))
    assert [r["text"] for r in tried] == list(TEXTS)
    assert [r["reason"] for r in tried] == [None, "copy", "leak"]


def test_only_rewritten_targets_count_in_the_coverage_of_the_experts_facts(tmp_path: Path) -> None:
    problem = replace(PROBLEM, solution="Then 12 zorb = 31.\n#### 31")
    rewrite = make_sample("Now 12 make 31.\n#### 31")
    scored = ScoredGroup([rewrite], [passed(1.2)], [fake_logprobs(rewrite.token_ids)], [])
    attempts = [
        Attempt(problem, [Group(GUIDED, scored, 7)]),
        Attempt(problem, [], "prompt_too_long"),
    ]
    written = [row for a in attempts for row in target_rows(a, EXPERTS, Provenance(RewriteConfig(), 6, 42))]
    # The numbers weigh 1 each, the term a half.
    assert [row["coverage"] for row in written] == [pytest.approx(2 / 2.5), 1.0]
    tables = StageFolder(tmp_path)
    write_table(tables.rewrites, written, REWRITES)
    write_table(tables.candidates, [row for a in attempts for row in candidate_rows(a)], CANDIDATES)
    write_table(tables.costs, [cost_row(a) for a in attempts], PROBLEM_COSTS)
    tally = Tally.of(tables)
    assert (tally.coverage, tally.counts()["coverage"]) == (pytest.approx(0.8), "0.800")
    assert tally.metrics()["coverage"] == tally.coverage


def test_records_survive_parquet_and_add_up(tmp_path: Path) -> None:
    tables = StageFolder(tmp_path)
    groups = [
        group(passed(1.2), failed("copy"), replace(passed(1.1), **STEPS)),
        group(failed("copy"), failed("copy"), failed("leak")),
    ]
    written = [row for g in groups for row in rows(g, num_targets=2)]
    reports = [StepReport(2, (), ()), StepReport(2, STEPS["false_steps"], ()), None]
    add_false_steps(written, lambda checks: [reports[i] for i in range(len(checks))])
    write_table(tables.rewrites, written, REWRITES)
    tried = [row for g in groups for row in candidate_rows(attempt(g))]
    write_table(tables.candidates, tried, CANDIDATES)
    write_table(tables.costs, [cost_row(attempt(g)) for g in groups], PROBLEM_COSTS)
    loaded = pq.read_table(tables.rewrites).to_pylist()
    assert pq.read_table(tables.candidates).to_pylist() == tried
    tokens = sum(len(sample.token_ids) for sample in SAMPLES)
    tally = Tally.of(tables)
    assert tally.counts() == {
        "problems": 2,
        "targets": 3,
        "targets_with_false_step": 1,
        EXPERT_FALLBACK: 1,
        REWRITTEN: 1,
        "rollouts": 6,
        "prompt_tokens": 14,
        "judged": 2,
        "generated_tokens": 2 * tokens,
        "scored_tokens": len(SAMPLES[0].token_ids) + len(SAMPLES[2].token_ids),
        "accepted_candidates": 2,
        "rejected/copy": 3,
        "rejected/leak": 1,
    }
    assert tally.false_share == 1 / 2
    assert tally.line() == "expert_fallback 1, rewritten 1 | 33% of candidates pass"
    for before, after in zip(written, loaded, strict=True):
        for column in ("behavior_logprobs", "prior_logprobs"):
            assert after.pop(column) == pytest.approx(before.pop(column))
        assert after == before
