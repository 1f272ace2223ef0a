"""Likelihood of a sample of the data under the backbone, and a trial of the rewriting prompt."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest
from reward import Anchors
from reward.alignment import tail_fraction, typicality_gap
from rewriter_agent.config.train import PrepareConfig
from rewriter_agent.data.problem import EncodedProblem
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.prepare.stage import own_requests
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.scoring.group_scorer import AnchoredProblem, mean


@dataclass(frozen=True)
class Likelihood:
    """A text under the backbone, given the question alone."""

    ids: list[int]
    logprobs: list[float]
    """Log-prob of each token, in nats."""
    typicality: float
    """Mean of log-prob plus entropy over the tokens, in nats: 0 if the text is as surprising as expected."""

    @property
    def mean(self) -> float:
        """Nats per token."""
        return mean(self.logprobs)

    @property
    def tail(self) -> float:
        """Share of tokens with a probability below 0.4."""
        return tail_fraction(self.logprobs)


@dataclass(frozen=True)
class RowGap:
    """One problem: the expert's solution and the backbone's own."""

    problem: EncodedProblem
    expert: Likelihood
    own: list[Likelihood]

    @property
    def own_mean(self) -> float:
        """Mean over the samples, nats per token."""
        return mean([sample.mean for sample in self.own])

    @property
    def gap(self) -> float:
        """Mean log-prob of the backbone's own solutions minus the expert's, nats per token."""
        return self.own_mean - self.expert.mean


@dataclass(frozen=True)
class RewritingTrial:
    """Rewriting by prompt, on some of the rows."""

    problems: int
    solved: int
    """Problems with a candidate that passes the gate."""
    candidates: int
    accepted: int
    rejections: dict[str, int]
    """Candidates by the rule that rejected them."""
    prompt_tokens: float
    """Mean length of a rewriting prompt."""
    generated_tokens: float
    scored_tokens: float
    """Means per candidate; candidates that do not pass are not scored."""


def measure_rows(
    tokens: Tokens, backbone: Fleet, settings: PrepareConfig, seed: int, problems: Sequence[EncodedProblem]
) -> list[RowGap]:
    """The gap of each problem, order kept."""
    prompts = [list(problem.prompt_ids) for problem in problems]
    count = settings.num_own_samples
    asked = [
        request
        for problem, prompt in zip(problems, prompts, strict=True)
        for request in own_requests(prompt, problem.id, settings, seed)
    ]
    written = [completion.token_ids for completion in backbone.generate(asked)]
    experts = _likelihoods(prompts, [tokens.expert(problem) for problem in problems], backbone)
    # Scored like the expert's solutions: the engine's own log-probs are those at the sampling temperature.
    own = _likelihoods([request.prompt_ids for request in asked], written, backbone)
    return [
        RowGap(problem, expert, own[i * count : (i + 1) * count])
        for i, (problem, expert) in enumerate(zip(problems, experts, strict=True))
    ]


def _likelihoods(prompts: list[list[int]], texts: list[list[int]], backbone: Fleet) -> list[Likelihood]:
    asked = [ScoreRequest(prompt, ids, entropies=True) for prompt, ids in zip(prompts, texts, strict=True)]
    return [_likelihood(ids, scored) for ids, scored in zip(texts, backbone.score(asked), strict=True)]


def _likelihood(ids: list[int], scored: Scored) -> Likelihood:
    assert scored.entropies is not None, "asked for"
    return Likelihood(ids, scored.logprobs, typicality_gap(scored.logprobs, scored.entropies))


def try_rewriting(rows: Sequence[RowGap], rewriter: Rewriter) -> RewritingTrial:
    """Rewrite these rows by prompt, without any training, and count the candidates that pass."""
    problems = [
        AnchoredProblem(**vars(row.problem), anchors=Anchors(row.expert.mean, row.own_mean)) for row in rows
    ]
    attempts = rewriter(problems)
    groups = [group for attempt in attempts for group in attempt.groups]
    reasons = Counter(score.reason or "accepted" for group in groups for score in group.scored.scores)
    accepted = reasons.pop("accepted", 0)
    lengths = [float(len(sample.token_ids)) for group in groups for sample in group.samples]
    scored = [float(len(logprobs or [])) for group in groups for logprobs in group.scored.logprobs]
    return RewritingTrial(
        problems=len(problems),
        solved=sum(group.solved for group in groups),
        candidates=len(lengths),
        accepted=accepted,
        rejections=dict(reasons.most_common()),
        prompt_tokens=mean([float(len(problem.rewriting_prompt_ids)) for problem in problems]),
        generated_tokens=mean(lengths) if lengths else 0.0,
        scored_tokens=mean(scored) if scored else 0.0,
    )


def summarise(rows: Sequence[RowGap]) -> dict[str, Any]:
    """Means over the rows; log-probs in nats per token."""
    samples = [sample for row in rows for sample in row.own]
    return {
        "rows": len(rows),
        "expert_logprob": mean([row.expert.mean for row in rows]),
        "own_logprob": mean([row.own_mean for row in rows]),
        "gap": mean([row.gap for row in rows]),
        "expert_tail": mean([row.expert.tail for row in rows]),
        "own_tail": mean([sample.tail for sample in samples]),
        "expert_typicality": mean([row.expert.typicality for row in rows]),
        "own_typicality": mean([sample.typicality for sample in samples]),
        "expert_tokens": mean([float(len(row.expert.logprobs)) for row in rows]),
        "own_tokens": mean([float(len(sample.logprobs)) for sample in samples]),
    }
