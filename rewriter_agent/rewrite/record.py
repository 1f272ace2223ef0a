"""The record of a rewritten problem: its targets, everything that was tried for them, and what that cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal

import pyarrow as pa

from reward import Score
from rewriter_agent.config.outcomes import EXPERT, EXPERT_FALLBACK, EXPERT_KEPT, IN_DISTRIBUTION
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import STRATEGIES
from rewriter_agent.scoring.group_scorer import Sample

from .rounds import Attempt
from .select import select

FALSE_STEP = pa.struct([("text", pa.string()), ("claimed", pa.string()), ("value", pa.string())])
SCORE = pa.struct(
    [
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
    ]
)
COSTS = ("rollouts", "prompt_tokens", "generated_tokens", "scored_tokens", "judged")
"""What a problem has cost: candidates; tokens read before them (once a prompt), written, and scored under the
backbone (of the candidates that pass); texts that the judge has read."""
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
        ("written_by", pa.string()),
        ("candidates", pa.list_(pa.string())),
        ("rounds", pa.list_(pa.string())),
        ("scores", pa.list_(SCORE)),
        ("judged_bad", pa.list_(pa.bool_())),
        ("behavior", pa.string()),
        ("behavior_logprobs", pa.list_(pa.float32())),
        *((cost, pa.int64()) for cost in COSTS),
        ("strategy", pa.string()),
        ("policy_version", pa.int32()),
        ("seed", pa.int64()),
    ]
)
"""One row a target, a problem's rows in a line. Candidates and costs stand in its first row (`target` 0) only."""


@dataclass(frozen=True)
class ExpertTokens:
    """The expert's solution as ids, and their log-probs (nats) under the backbone given the question."""

    ids: list[int]
    logprobs: list[float]


@dataclass(frozen=True)
class Provenance:
    """What all records of a job have in common."""

    config: RewriteConfig
    policy_version: int | None
    """Optimiser steps of the rewriter; None if none was asked."""
    seed: int


def records(attempt: Attempt, expert: ExpertTokens, origin: Provenance) -> list[dict[str, Any]]:
    """The rows of one problem, as `REWRITES` wants them; at least one."""
    problem, tried = attempt.problem, _Tried(attempt)
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
    everything = {
        "candidates": [sample.text for sample in tried.samples],
        "rounds": tried.rounds,
        "scores": [_score_row(score) for score in tried.scores],
        "judged_bad": tried.judged_bad,
        "rollouts": len(tried.samples),
        "prompt_tokens": sum(group.prompt_tokens for group in attempt.groups),
        "generated_tokens": sum(len(sample.token_ids) for sample in tried.samples),
        "scored_tokens": sum(len(logprobs) for logprobs in tried.logprobs if logprobs is not None),
        "judged": sum(group.scored.judged for group in attempt.groups),
    }
    nothing = {key: [] if isinstance(value, list) else 0 for key, value in everything.items()}
    targets = _targets(attempt, tried, expert, origin)
    return [
        {**common, **(nothing if number else everything), "target": number, **target}
        for number, target in enumerate(targets)
    ]


def _score_row(score: Score) -> dict[str, Any]:
    false = [asdict(step) for step in score.false_steps]
    return {**asdict(score), "false_steps": false, "broken_steps": list(score.broken_steps)}


class _Tried:
    """The candidates of all rounds in one line."""

    def __init__(self, attempt: Attempt) -> None:
        groups = attempt.groups
        self.samples: list[Sample] = [sample for group in groups for sample in group.samples]
        self.scores = [score for group in groups for score in group.scored.scores]
        self.logprobs = [logprobs for group in groups for logprobs in group.scored.logprobs]
        self.judged_bad = [verdict for group in groups for verdict in group.scored.judged_bad]
        self.outcomes = [group.round.outcome for group in groups for _ in group.samples]
        self.rounds = [
            f"{group.round.writer}/{group.round.prompt}" for group in groups for _ in group.samples
        ]


def _targets(
    attempt: Attempt, tried: _Tried, expert: ExpertTokens, origin: Provenance
) -> Sequence[dict[str, Any]]:
    config = origin.config
    rule = config.select or STRATEGIES[config.strategy].select
    draw = Random(f"{origin.seed}/{attempt.problem.id}")
    chosen = select(rule, tried.samples, tried.scores, config.num_targets, draw)
    if not chosen:
        return [fallback(attempt, tried, expert)]
    return [_target(i, tried, config.behavior) for i in chosen]


def _target(selected: int, tried: _Tried, behavior: Literal["backbone", "rewriter"]) -> dict[str, Any]:
    sample = tried.samples[selected]
    return {
        "target_text": sample.text,
        "target_ids": list(sample.token_ids),
        "outcome": tried.outcomes[selected],
        "reason": None,
        "selected": selected,
        "written_by": tried.rounds[selected],
        "behavior": behavior,
        "behavior_logprobs": tried.logprobs[selected] if behavior == "backbone" else list(sample.logprobs),
    }


def fallback(attempt: Attempt, tried: _Tried, expert: ExpertTokens) -> dict[str, Any]:
    """The expert's solution as the target, since no candidate passed the gate or the problem was not to be rewritten.

    The reason is the rule that refused most candidates. No rewriter wrote it, so its log-probs are the backbone's.
    """
    reasons = Counter(score.reason for score in tried.scores)
    commonest = reasons.most_common(1)[0][0] if reasons else None
    outcome = EXPERT_FALLBACK if tried.scores or attempt.skipped else EXPERT
    return {
        "target_text": attempt.problem.solution,
        "target_ids": expert.ids,
        "outcome": EXPERT_KEPT if attempt.skipped == IN_DISTRIBUTION else outcome,
        "reason": attempt.skipped or commonest,
        "selected": None,
        "written_by": None,
        "behavior": "backbone",
        "behavior_logprobs": expert.logprobs,
    }
