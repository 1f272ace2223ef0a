"""The records of a rewritten problem: its targets, the candidates that were tried, and what they cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import pyarrow as pa

from reward import CheckSteps, Score, StepCheck
from reward.coverage import held
from rewriter_agent.config.outcomes import EXPERT, EXPERT_FALLBACK, EXPERT_KEPT, IN_DISTRIBUTION, TOOL_CALL
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import STRATEGIES
from rewriter_agent.scoring.group_scorer import Sample

from .rounds import Attempt
from .select import select

FALSE_STEP = pa.struct([("text", pa.string()), ("claimed", pa.string()), ("value", pa.string())])
REWRITES = pa.schema(
    [
        ("problem_id", pa.string()),
        ("target", pa.int32()),
        ("question", pa.string()),
        ("expert_solution", pa.string()),
        ("answer", pa.string()),
        ("convention", pa.string()),
        ("target_text", pa.string()),
        ("target_ids", pa.list_(pa.int32())),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("selected", pa.int32()),
        ("writer", pa.string()),
        ("prompt_kind", pa.string()),
        ("behavior", pa.string()),
        ("behavior_logprobs", pa.list_(pa.float32())),
        ("prior_logprobs", pa.list_(pa.float32())),
        ("coverage", pa.float64()),
        ("false_steps", pa.list_(FALSE_STEP)),
        ("strategy", pa.string()),
        ("policy_version", pa.int32()),
        ("seed", pa.int64()),
    ]
)
"""One row per target, at least one per problem. `selected` is the number of the candidate that became the target;
`writer` and `prompt_kind` say which engines wrote it from which prompt, and are null for the expert's solution.
`behavior` is the same as one word for SFT. `behavior_logprobs` are the target's under what wrote it, at the sampling
temperature, and `prior_logprobs` are the backbone's given the question, at temperature 1; both in nats.
`coverage` is the share of the expert's facts that the target holds, null if the expert brings none.
`false_steps` holds the target's claims that are not true, and is null if the check reached a limit."""
CANDIDATES = pa.schema(
    [
        ("problem_id", pa.string()),
        ("number", pa.int32()),
        ("round", pa.int32()),
        ("writer", pa.string()),
        ("prompt_kind", pa.string()),
        ("text", pa.string()),
        ("gate", pa.bool_()),
        ("reason", pa.string()),
        ("alignment", pa.float64()),
        ("diversity", pa.float64()),
        ("total", pa.float64()),
        ("mean_logprob", pa.float64()),
        ("tail_fraction", pa.float64()),
        ("typicality_gap", pa.float64()),
        ("overlap", pa.float64()),
        ("repetition", pa.float64()),
        ("extracted", pa.string()),
        ("steps_checked", pa.int32()),
        ("false_steps", pa.list_(FALSE_STEP)),
        ("broken_steps", pa.list_(pa.string())),
        ("coverage", pa.float64()),
        ("tail", pa.float64()),
        ("support", pa.float64()),
    ]
)
"""One row per candidate with its scores, numbered within its problem over all rounds."""
COSTS = ("rollouts", "prompt_tokens", "generated_tokens", "scored_tokens", "judged")
"""Candidates; tokens of the prompts (one prompt per group), of the candidates, and of the candidates that pass, which
are scored under the backbone; texts that the judge reads."""
PROBLEM_COSTS = pa.schema(
    [
        ("problem_id", pa.string()),
        *((kind, pa.int64()) for kind in COSTS),
        ("judged_bad", pa.list_(pa.bool_())),
    ]
)
"""One row per problem. `judged_bad` holds the judge's verdicts on texts that are known to be bad."""


@dataclass(frozen=True)
class ExpertTokens:
    """Token ids of the expert's solution, and their log-probs (nats) under the backbone given the question."""

    ids: list[int]
    logprobs: list[float]


@dataclass(frozen=True)
class Provenance:
    """Values that all targets of a job share."""

    config: RewriteConfig
    policy_version: int | None
    """Optimiser steps of the rewriter; None if the strategy uses none."""
    seed: int


def target_rows(attempt: Attempt, expert: ExpertTokens, origin: Provenance) -> list[dict[str, Any]]:
    """Rows of `REWRITES` for one problem, at least one."""
    problem = attempt.problem
    common = {
        "problem_id": problem.id,
        "question": problem.question,
        "expert_solution": problem.solution,
        "answer": problem.answer,
        "convention": problem.convention,
        "strategy": origin.config.strategy,
        "policy_version": origin.policy_version,
        "seed": origin.seed,
    }
    targets = _targets(attempt, _Tried(attempt), expert, origin)
    return [
        {
            **common,
            "target": number,
            "coverage": held(target["target_text"], problem.question, problem.solution, problem.convention),
            **target,
        }
        for number, target in enumerate(targets)
    ]


def add_false_steps(targets: Sequence[dict[str, Any]], check_steps: CheckSteps) -> None:
    """Check the steps of the targets, whoever wrote them and whatever the gate's rules are."""
    checks = [StepCheck(row["target_text"], row["question"], row["convention"]) for row in targets]
    for row, report in zip(targets, check_steps(checks), strict=True):
        row["false_steps"] = None if report is None else [asdict(step) for step in report.false]


def candidate_rows(attempt: Attempt) -> list[dict[str, Any]]:
    """Rows of `CANDIDATES` for one problem; empty if no candidate was written."""
    rows = [
        {
            "problem_id": attempt.problem.id,
            "round": number,
            "writer": group.round.writer,
            "prompt_kind": group.round.prompt,
            "text": sample.text,
            **_score_row(score),
        }
        for number, group in enumerate(attempt.groups)
        for sample, score in zip(group.samples, group.scored.scores, strict=True)
    ]
    return [{**row, "number": number} for number, row in enumerate(rows)]


def cost_row(attempt: Attempt) -> dict[str, Any]:
    """Row of `PROBLEM_COSTS` for one problem."""
    tried = _Tried(attempt)
    return {
        "problem_id": attempt.problem.id,
        "rollouts": len(tried.samples),
        "prompt_tokens": sum(group.prompt_tokens for group in attempt.groups),
        "generated_tokens": sum(len(sample.token_ids) for sample in tried.samples),
        "scored_tokens": sum(len(logprobs) for logprobs in tried.logprobs if logprobs is not None),
        "judged": sum(group.scored.judged for group in attempt.groups),
        "judged_bad": [verdict for group in attempt.groups for verdict in group.scored.judged_bad],
    }


def _score_row(score: Score) -> dict[str, Any]:
    false = [asdict(step) for step in score.false_steps]
    return {**asdict(score), "false_steps": false, "broken_steps": list(score.broken_steps)}


class _Tried:
    """The candidates of all rounds, in order."""

    def __init__(self, attempt: Attempt) -> None:
        groups = attempt.groups
        self.samples: list[Sample] = [sample for group in groups for sample in group.samples]
        self.scores = [score for group in groups for score in group.scored.scores]
        self.logprobs = [logprobs for group in groups for logprobs in group.scored.logprobs]
        self.rounds = [group.round for group in groups for _ in group.samples]


def _targets(
    attempt: Attempt, tried: _Tried, expert: ExpertTokens, origin: Provenance
) -> Sequence[dict[str, Any]]:
    config = origin.config
    rule = config.select or STRATEGIES[config.strategy].select
    draw = Random(f"{origin.seed}/{attempt.problem.id}")
    chosen = select(rule, tried.samples, tried.scores, config.num_targets, draw)
    if not chosen:
        return [fallback(attempt, tried, expert)]
    return [_target(i, tried, config.temperature) for i in chosen]


def _target(selected: int, tried: _Tried, temperature: float) -> dict[str, Any]:
    sample, writer = tried.samples[selected], tried.rounds[selected].writer
    # No model sampled a text that quotes the expert, which is a point mass, too.
    quotes = not sample.logprobs
    return {
        "target_text": sample.text,
        "target_ids": list(sample.token_ids),
        "outcome": tried.rounds[selected].outcome,
        "reason": None,
        "selected": selected,
        "writer": writer,
        "prompt_kind": tried.rounds[selected].prompt,
        "behavior": "expert" if quotes else "rewriter" if writer == "policy" else "backbone",
        # Engines report log-probs after temperature, except for greedy text, which is a point mass.
        "behavior_logprobs": [0.0] * len(sample.token_ids)
        if quotes or not temperature
        else list(sample.logprobs),
        "prior_logprobs": tried.logprobs[selected],
    }


def fallback(attempt: Attempt, tried: _Tried, expert: ExpertTokens) -> dict[str, Any]:
    """Keep the expert's solution as the target, if no candidate passed the gate or none was asked for.

    The reason is the rule that refused most candidates. No model wrote the text, which is a point mass.
    """
    reasons = Counter(score.reason for score in tried.scores)
    commonest = reasons.most_common(1)[0][0] if reasons else None
    outcome = EXPERT_FALLBACK if tried.scores or attempt.skipped else EXPERT
    kept = {IN_DISTRIBUTION: EXPERT_KEPT, TOOL_CALL: TOOL_CALL}
    return {
        "target_text": attempt.problem.solution,
        "target_ids": expert.ids,
        "outcome": kept.get(attempt.skipped or "", outcome),
        "reason": attempt.skipped or commonest,
        "selected": None,
        "writer": None,
        "prompt_kind": None,
        "behavior": "expert",
        "behavior_logprobs": [0.0] * len(expert.ids),
        "prior_logprobs": expert.logprobs,
    }
