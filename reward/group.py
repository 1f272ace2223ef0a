"""Scores a group: all candidates of one problem together."""

from collections.abc import Callable, Sequence
from statistics import fmean

from reward.alignment import anchored, paper, tail_fraction
from reward.config import RewardConfig
from reward.diversity import lexical
from reward.gate import GateResult, check, settle
from reward.types import Candidate, GradedProblem, Score, Verdict

Verify = Callable[[list[tuple[str, str]]], list[Verdict]]
Backbone = Callable[[GradedProblem, list[Candidate]], list[Sequence[float]]]


def score_group(
    problem: GradedProblem,
    candidates: Sequence[Candidate],
    *,
    config: RewardConfig,
    verify: Verify,
    backbone: Backbone,
) -> list[Score]:
    """The scores of a whole group, in order: total = gate * (1 + w_a * alignment + w_d * diversity).

    `verify` takes (gold, answer) pairs and is called once, with the candidates whose text passes; `backbone`
    is called once, with the candidates that pass the gate, and returns for each its per-token log-probs
    (nats) under the backbone given the question alone. Neither is called where no candidate needs it.

    Raises:
        ValueError: there are fewer than two candidates, or the problem's convention is unknown.
    """
    if len(candidates) < 2:
        raise ValueError(
            f"a group has {len(candidates)} candidate(s), and needs at least 2, because its scores compare "
            "candidates with each other; set num_generations to 2 or more and score whole groups."
        )
    results = _gate(problem, candidates, config, verify)
    passing = [i for i, result in enumerate(results) if result.passed]
    scores = [_closed(result) for result in results]
    if passing:
        logprobs = backbone(problem, [candidates[i] for i in passing])
        texts = [candidates[i].text for i in passing]
        opened = _open([results[i] for i in passing], texts, logprobs, problem, config)
        for i, score in zip(passing, opened, strict=True):
            scores[i] = score
    return scores


def _gate(
    problem: GradedProblem, candidates: Sequence[Candidate], config: RewardConfig, verify: Verify
) -> list[GateResult]:
    results = [check(problem, candidate, None, config) for candidate in candidates]
    pending = [i for i, result in enumerate(results) if result.passed]
    if pending:
        verdicts = verify([(problem.answer, results[i].extracted or "") for i in pending])
        for i, verdict in zip(pending, verdicts, strict=True):
            results[i] = settle(results[i], verdict)
    return results


def _open(
    results: list[GateResult],
    texts: list[str],
    logprobs: list[Sequence[float]],
    problem: GradedProblem,
    config: RewardConfig,
) -> list[Score]:
    means = [fmean(values) for values in logprobs]
    if config.alignment == "anchored":
        alignments = [anchored(mean, problem.anchors) for mean in means]
    else:
        alignments = paper(means)
    diversities = lexical(texts)
    return [
        Score(
            gate=True,
            reason=None,
            alignment=alignment,
            diversity=diversity,
            total=1 + config.alignment_weight * alignment + config.diversity_weight * diversity,
            mean_logprob=mean,
            tail_fraction=tail_fraction(values),
            overlap=result.overlap,
            extracted=result.extracted,
        )
        for result, alignment, diversity, mean, values in zip(
            results, alignments, diversities, means, logprobs, strict=True
        )
    ]


def _closed(result: GateResult) -> Score:
    return Score(
        gate=False,
        reason=result.reason,
        alignment=0.0,
        diversity=0.0,
        total=0.0,
        mean_logprob=None,
        tail_fraction=None,
        overlap=result.overlap,
        extracted=result.extracted,
    )
