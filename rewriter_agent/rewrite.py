"""Stage `rewrite`: every training problem's target, rewritten and verified, else the expert's own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.types import Completion, GenerateRequest
from reward.judge import FalseAcceptance

from .anchors import anchored_problems
from .embedding import diversity_embed
from .files import run_shards, write_table
from .progress import Progress
from .run import Run
from .scoring import AnchoredProblem, GroupScorer, Sample, ScoredGroup
from .seeds import request_seed
from .tokens import Tokens

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
    ]
)
REWRITES = pa.schema(
    [
        ("problem_id", pa.string()),
        ("question", pa.string()),
        ("expert_solution", pa.string()),
        ("answer", pa.string()),
        ("target_text", pa.string()),
        ("target_ids", pa.list_(pa.int32())),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("selected", pa.int32()),
        ("candidates", pa.list_(pa.string())),
        ("scores", pa.list_(SCORE)),
        ("judged_bad", pa.list_(pa.bool_())),
        ("behavior", pa.string()),
        ("behavior_logprobs", pa.list_(pa.float32())),
        ("policy_version", pa.int32()),
        ("seed", pa.int64()),
    ]
)
REWRITTEN, EXPERT_FALLBACK = "rewritten", "expert_fallback"


def rewrite(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """Sample K rewrites a problem from the trained policy, keep the best that passes, else fall back."""
    config = run.config
    run.start_engines("policy", "backbone")
    problems = list(anchored_problems(config).values())
    experts = _expert_tokens(run.stage_folder("prepare"))
    tokens = Tokens(run.tokenizer, config.model.system_prompt)
    progress("loading the trained policy into the engines")
    run.policy.load((run.stage_folder("train") / "model").absolute())
    embed = diversity_embed(run.embedder, [problem.solution for problem in problems], config.reward)
    scorer = GroupScorer(tokens, run.backbone, run.verifier, config.reward, embed)
    outcomes: Counter[str] = Counter()

    def work(shard: Sequence[AnchoredProblem]) -> list[dict[str, Any]]:
        groups = _sample(shard, tokens, run)
        scored = scorer([(p, samples) for p, samples in zip(shard, groups, strict=True)])
        rows = [
            _record(p, samples, result, experts[p.id], config.train.max_steps, config.seed)
            for p, samples, result in zip(shard, groups, scored, strict=True)
        ]
        outcomes.update(row["outcome"] for row in rows)
        return rows

    def after(done: int) -> None:
        mix = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))
        progress.share(done, len(problems), f"problems | {mix}")

    rows = run_shards(problems, config.rewrite.shard_size, folder / "shards", REWRITES, work, after)
    assert [row["problem_id"] for row in rows] == [problem.id for problem in problems]
    write_table(folder / "rewrites.parquet", rows, REWRITES)
    return _counts(rows)


def _sample(shard: Sequence[AnchoredProblem], tokens: Tokens, run: Run) -> list[list[Sample]]:
    settings, count = run.config.rewrite, run.config.rewrite.num_generations
    completions = run.policy.generate(
        [
            GenerateRequest(
                prompt,
                settings.max_completion_length,
                settings.temperature,
                request_seed(run.config.seed, "rewrite", problem.id, k),
            )
            for problem in shard
            for prompt in [tokens.rewriting(problem)]
            for k in range(count)
        ]
    )

    def sample(c: Completion) -> Sample:
        return Sample(tokens.text(c.token_ids), c.finished, tuple(c.token_ids))

    return [[sample(c) for c in completions[i : i + count]] for i in range(0, len(completions), count)]


def _record(
    problem: AnchoredProblem,
    samples: list[Sample],
    result: ScoredGroup,
    expert: dict[str, Any],
    policy_version: int,
    seed: int,
) -> dict[str, Any]:
    best = max(range(len(samples)), key=lambda i: result.scores[i].total)
    accepted = result.scores[best].gate
    reasons = Counter(score.reason for score in result.scores if score.reason)
    return {
        "problem_id": problem.id,
        "question": problem.question,
        "expert_solution": problem.solution,
        "answer": problem.answer,
        "target_text": samples[best].text if accepted else problem.solution,
        "target_ids": list(samples[best].token_ids) if accepted else expert["expert_ids"],
        "outcome": REWRITTEN if accepted else EXPERT_FALLBACK,
        "reason": None if accepted else reasons.most_common(1)[0][0],
        "selected": best if accepted else None,
        "candidates": [sample.text for sample in samples],
        "scores": [asdict(score) for score in result.scores],
        "judged_bad": result.judged_bad,
        "behavior": "backbone",
        "behavior_logprobs": result.logprobs[best] if accepted else expert["expert_logprobs"],
        "policy_version": policy_version,
        "seed": seed,
    }


def _expert_tokens(folder: Path) -> dict[str, dict[str, Any]]:
    columns = ["problem_id", "expert_ids", "expert_logprobs"]
    rows = pq.read_table(folder / "anchors.parquet", columns=columns).to_pylist()
    return {row["problem_id"]: row for row in rows}


def _judge_counts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How often the judge accepted reasoning known to be bad, with a 95 % interval."""
    judged_bad = [verdict for row in rows for verdict in row["judged_bad"]]
    if not judged_bad:
        return {}
    estimate = FalseAcceptance.of(judged_bad)
    low, high = estimate.interval()
    return {"judge_false_accept": f"{estimate.rate:.2f} ({low:.2f}-{high:.2f}, n={estimate.trials})"}


def _counts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    outcomes = Counter(row["outcome"] for row in rows)
    scores = [score for row in rows for score in row["scores"]]
    reasons = Counter(score["reason"] for score in scores if score["reason"])
    assert outcomes[REWRITTEN] + outcomes[EXPERT_FALLBACK] == len(rows)
    return {
        "problems": len(rows),
        REWRITTEN: outcomes[REWRITTEN],
        EXPERT_FALLBACK: outcomes[EXPERT_FALLBACK],
        "candidates": len(scores),
        "accepted_candidates": sum(score["gate"] for score in scores),
        **{f"rejected/{reason}": count for reason, count in sorted(reasons.items())},
        **_judge_counts(rows),
    }
