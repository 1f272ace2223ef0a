"""Scores all candidates of one problem together, as a group."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from . import alignment, diversity
from .config import RewardConfig
from .gate import GateResult, apply_alignment, apply_verdict, check, reject_by_judge
from .types import Backbone, Candidate, Check, Embed, GradedProblem, Judge, Score, TokenScores, Verify

T = TypeVar("T")


def score_group(
    problem: GradedProblem,
    candidates: Sequence[Candidate],
    *,
    config: RewardConfig,
    verify: Verify,
    backbone: Backbone,
    embed: Embed | None = None,
    judge: Judge | None = None,
) -> list[Score]:
    """Score a whole group, in order: total = gate * (1 + w_a * alignment + w_d * diversity).

    Each service is called at most once, and only with the candidates that need it:

    - `verify` gets the answers of the texts that pass the rules on the text.
    - `judge` gets the candidates whose answer is right, if `config.judge`.
    - `backbone` gets the candidates that break no rule before `alien`. It returns their tokens' log-probs (nats) given
      the question alone, with entropies if `config.needs_entropies`.
    - `embed` gets the texts that pass the gate, for the diversity kinds on embeddings. For the kind `embedding` it must
      whiten its vectors (`Whitening.around`).

    Raises:
        ValueError: there are fewer than two candidates, the problem's convention is unknown, a service that the config
            needs is not given, or a service returns a wrong number of results or values that are not finite.
    """
    _require(candidates, config, embed, judge)
    results = _gate(problem, candidates, config, verify, judge)
    right = [i for i, result in enumerate(results) if result.passed]
    natural: dict[int, _Naturalness] = {}
    if right:
        asked = [candidates[i] for i in right]
        tokens = _checked("backbone", backbone(problem, asked), asked)
        natural = {i: _naturalness(scores) for i, scores in zip(right, tokens, strict=True)}
    for i, own in natural.items():
        results[i] = apply_alignment(problem, results[i], own.logprob, config)
    passing = [i for i in right if results[i].passed]
    scores = [_zero_score(result, natural.get(i)) for i, result in enumerate(results)]
    if passing:
        chosen = [candidates[i] for i in passing]
        rewarded = _score_passing(
            problem, chosen, [results[i] for i in passing], [natural[i] for i in passing], config, embed
        )
        for i, score in zip(passing, rewarded, strict=True):
            scores[i] = score
    return scores


def _require(
    candidates: Sequence[Candidate], config: RewardConfig, embed: Embed | None, judge: Judge | None
) -> None:
    if len(candidates) < 2:
        raise ValueError(
            f"a group has {len(candidates)} candidate(s), and needs at least 2, because its scores compare "
            "candidates with each other; set num_generations to 2 or more and score whole groups."
        )
    if config.needs_embeddings and embed is None:
        raise ValueError(
            f"diversity={config.diversity} compares embeddings, and no `embed` was given; pass one, or set "
            "diversity=lexical or diversity_weight=0."
        )
    if config.judge and judge is None:
        raise ValueError("judge=true asks a judge, and no `judge` was given; pass one, or set judge=false.")


def _gate(
    problem: GradedProblem,
    candidates: Sequence[Candidate],
    config: RewardConfig,
    verify: Verify,
    judge: Judge | None,
) -> list[GateResult]:
    results = [check(problem, candidate, None, config) for candidate in candidates]
    pending = [i for i, result in enumerate(results) if result.passed]
    if pending:
        checks = [Check(problem.answer, results[i].extracted or "", problem.convention) for i in pending]
        for i, grade in zip(pending, _checked("verify", verify(checks), checks), strict=True):
            results[i] = apply_verdict(results[i], grade.verdict)
    right = [i for i in pending if results[i].passed]
    if right and config.judge:
        assert judge is not None
        chosen = [candidates[i] for i in right]
        for i, is_sound in zip(right, _checked("judge", judge(problem, chosen), chosen), strict=True):
            results[i] = results[i] if is_sound else reject_by_judge(results[i])
    return results


@dataclass(frozen=True)
class _Naturalness:
    """Summary of one candidate's token scores, in nats per token."""

    logprob: float
    tail_fraction: float
    gap: float | None


def _score_passing(
    problem: GradedProblem,
    candidates: list[Candidate],
    results: list[GateResult],
    natural: list[_Naturalness],
    config: RewardConfig,
    embed: Embed | None,
) -> list[Score]:
    alignments = _alignments(problem, natural, config)
    diversities = _diversities([candidate.text for candidate in candidates], config, embed)
    return [
        Score(
            gate=True,
            reason=None,
            alignment=aligned,
            diversity=diverse,
            total=1 + config.alignment_weight * aligned + config.diversity_weight * diverse,
            mean_logprob=own.logprob,
            tail_fraction=own.tail_fraction,
            typicality_gap=own.gap,
            overlap=result.overlap,
            repetition=result.repetition,
            extracted=result.extracted,
        )
        for result, own, aligned, diverse in zip(results, natural, alignments, diversities, strict=True)
    ]


def _alignments(problem: GradedProblem, natural: list[_Naturalness], config: RewardConfig) -> list[float]:
    means = [own.logprob for own in natural]
    if config.alignment == "anchored":
        return [alignment.anchored(mean, problem.anchors) for mean in means]
    if config.alignment == "paper":
        return alignment.paper(means)
    gaps = [own.gap for own in natural if own.gap is not None]
    if len(gaps) < len(natural):
        raise ValueError(
            "alignment=typicality compares log-probs with entropies, and `backbone` gave no entropies; fill "
            "TokenScores.entropies, or set alignment=anchored."
        )
    return [alignment.typicality(gap, config.typicality_tau) for gap in gaps]


def _diversities(texts: list[str], config: RewardConfig, embed: Embed | None) -> list[float]:
    if config.diversity == "lexical":
        return diversity.lexical(texts)
    if not config.needs_embeddings:
        return [0.0] * len(texts)
    assert embed is not None
    vectors = _checked("embed", embed(texts), texts)
    return diversity.embedding(vectors) if config.diversity == "embedding" else diversity.paper(vectors)


def _naturalness(scores: TokenScores) -> _Naturalness:
    logprob = fmean(scores.logprobs) if len(scores.logprobs) else math.nan
    # A NaN reward would spread to the whole batch and break training without an error.
    if not math.isfinite(logprob):
        raise ValueError(
            f"`backbone` gave {len(scores.logprobs)} log-probs with mean {logprob} for a candidate; give at least "
            "one a candidate, all of them finite."
        )
    gap = None
    if scores.entropies is not None:
        gap = alignment.typicality_gap(scores.logprobs, scores.entropies)
    return _Naturalness(logprob, alignment.tail_fraction(scores.logprobs), gap)


def _checked(service: str, given: Sequence[T], asked: Sequence[object]) -> Sequence[T]:
    if len(given) != len(asked):
        raise ValueError(
            f"`{service}` gave {len(given)} results for {len(asked)} inputs; return one for each, in order."
        )
    return given


def _zero_score(result: GateResult, natural: _Naturalness | None) -> Score:
    return Score(
        gate=False,
        reason=result.reason,
        alignment=0.0,
        diversity=0.0,
        total=0.0,
        mean_logprob=natural.logprob if natural else None,
        tail_fraction=natural.tail_fraction if natural else None,
        typicality_gap=natural.gap if natural else None,
        overlap=result.overlap,
        repetition=result.repetition,
        extracted=result.extracted,
    )
