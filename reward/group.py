"""Scores all candidates of one problem together, as a group."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from . import alignment, diversity
from .config import RewardConfig
from .coverage import told_by_expert
from .gate import (
    ANSWER_IS_TEXT,
    GateResult,
    apply_alignment,
    apply_coverage,
    apply_steps,
    apply_support,
    apply_verdict,
    check,
    is_alien,
    lacks_facts,
    reject_by_judge,
)
from .rlt import rlt_reward, rlt_term
from .support import support_term
from .types import (
    Backbone,
    Candidate,
    CheckSteps,
    Embed,
    GradedProblem,
    Judge,
    Score,
    StepCheck,
    TokenScores,
    Verify,
    check_of,
)

T = TypeVar("T")


def score_group(
    problem: GradedProblem,
    candidates: Sequence[Candidate],
    *,
    config: RewardConfig,
    verify: Verify,
    backbone: Backbone | None,
    check_steps: CheckSteps | None = None,
    embed: Embed | None = None,
    judge: Judge | None = None,
) -> list[Score]:
    """Score a whole group, in order: total = gate * (1 + the sum of weight * term).

    The terms are alignment, diversity, coverage, tail and support.

    A candidate that only `false_step` rejects has total w_s * (share of its checked steps that are true), w_s < 1.
    Each service is called at most once, and only with the candidates that need it:

    - `verify` gets the answers of the texts that pass the rules on the text.
    - `check_steps` gets these texts with the question, if `config.checks_steps`.
    - `judge` gets the candidates whose answer is right, if `config.judge`.
    - `backbone` gets the candidates that break no rule before `alien`, and the candidates that `false_step` rejects if
      `config.step_credit_weight` is positive. It returns their tokens' log-probs (nats) given the question alone, with
      entropies if `config.needs_entropies`, tokens' texts if `config.tail_weight`, support if `config.needs_support`,
      and log-probs of the sampling and of the solution if `config.needs_solution`. Without one, which
      `config.needs_backbone` must allow, scores have no alignment, and no measure of log-probs.
    - `embed` gets the texts that pass the gate, for the diversity kinds on embeddings. For the kind `embedding` it must
      whiten its vectors (`Whitening.around`).

    Raises:
        ValueError: the problem's convention is unknown, a service that the config needs is not given, or a service
            returns a wrong number of results or values that are not finite.
    """
    _require(candidates, config, backbone, check_steps, embed, judge)
    results = _gate(problem, candidates, config, verify, check_steps, judge)
    natural = _naturals(problem, candidates, results, config, backbone) if backbone else {}
    credits = _apply_backbone_rules(problem, results, natural, config)
    passing = [i for i, result in enumerate(results) if result.passed]
    scores = [
        _rejected_score(result, natural.get(i), credits.get(i, 0.0)) for i, result in enumerate(results)
    ]
    if passing:
        chosen = [candidates[i] for i in passing]
        rewarded = _score_passing(
            problem,
            chosen,
            [results[i] for i in passing],
            [natural.get(i, UNMEASURED) for i in passing],
            config,
            embed,
        )
        for i, score in zip(passing, rewarded, strict=True):
            scores[i] = score
    return scores


def _require(
    candidates: Sequence[Candidate],
    config: RewardConfig,
    backbone: Backbone | None,
    check_steps: CheckSteps | None,
    embed: Embed | None,
    judge: Judge | None,
) -> None:
    if config.needs_embeddings and embed is None:
        raise ValueError(
            f"diversity={config.diversity} compares embeddings, and no `embed` was given; pass one, or set "
            "diversity=lexical or diversity_weight=0."
        )
    if config.needs_backbone and backbone is None:
        raise ValueError(
            "the judge, the support, or a weight or rule on log-probs needs the backbone, and no `backbone` was given; "
            "pass one, or take `config.gate_alone()`."
        )
    if config.checks_steps and check_steps is None:
        raise ValueError(
            f"false_step={config.false_step}, broken_chain={config.broken_chain} and "
            f"unquoted_step={config.unquoted_step} check steps, and no `check_steps` was given; pass "
            "`Verifier(config).check_steps`, or set all to off."
        )
    if config.judge and judge is None:
        raise ValueError("judge=true asks a judge, and no `judge` was given; pass one, or set judge=false.")


def _gate(
    problem: GradedProblem,
    candidates: Sequence[Candidate],
    config: RewardConfig,
    verify: Verify,
    check_steps: CheckSteps | None,
    judge: Judge | None,
) -> list[GateResult]:
    results = [check(problem, candidate, None, config) for candidate in candidates]
    pending = [i for i, result in enumerate(results) if result.passed]
    if pending:
        checks = [
            check_of(problem.question, problem.answer, results[i].extracted or "", problem.convention)
            for i in pending
        ]
        for i, grade in zip(pending, _checked("verify", verify(checks), checks), strict=True):
            results[i] = apply_verdict(results[i], grade.verdict)
    if pending and config.checks_steps:
        assert check_steps is not None
        texts = [StepCheck(candidates[i].text, problem.question, problem.convention) for i in pending]
        for i, report in zip(pending, _checked("check_steps", check_steps(texts), texts), strict=True):
            results[i] = apply_steps(problem, results[i], report, config)
    for i in pending:
        results[i] = apply_coverage(results[i], config)
    right = [i for i in pending if results[i].passed]
    if right and config.judge:
        assert judge is not None
        chosen = [candidates[i] for i in right]
        for i, is_sound in zip(right, _checked("judge", judge(problem, chosen), chosen), strict=True):
            results[i] = results[i] if is_sound else reject_by_judge(results[i])
    return results


@dataclass(frozen=True)
class _Naturalness:
    """Summary of one candidate's token scores, in nats per token; empty if there is no backbone."""

    logprob: float | None = None
    tail_fraction: float | None = None
    gap: float | None = None
    tail: float | None = None
    support: float | None = None
    rlt: float | None = None


UNMEASURED = _Naturalness()


def _naturals(
    problem: GradedProblem,
    candidates: Sequence[Candidate],
    results: Sequence[GateResult],
    config: RewardConfig,
    backbone: Backbone,
) -> dict[int, _Naturalness]:
    """Ask the backbone about the candidates that need it, by their position."""
    asked = [i for i, result in enumerate(results) if result.passed or _may_earn_credit(result, config)]
    if not asked:
        return {}
    chosen = [candidates[i] for i in asked]
    tokens = _checked("backbone", backbone(problem, chosen), chosen)
    natural = {i: _naturalness(problem, scores, config) for i, scores in zip(asked, tokens, strict=True)}
    _require_support(problem, natural.values(), config)
    return natural


def _apply_backbone_rules(
    problem: GradedProblem,
    results: list[GateResult],
    natural: Mapping[int, _Naturalness],
    config: RewardConfig,
) -> dict[int, float]:
    """Apply the rules on alignment and support to `results` in place; return the step credits by position."""
    credits = dict.fromkeys(natural, 0.0)
    for i, own in natural.items():
        assert own.logprob is not None, "the backbone was asked"
        if results[i].passed:
            results[i] = apply_alignment(problem, results[i], own.logprob, config)
            if results[i].passed:
                results[i] = apply_support(problem, results[i], own.support, config)
        elif not is_alien(problem, own.logprob, config) and not lacks_facts(results[i], config):
            credits[i] = _step_credit(results[i], config)
    return credits


def _may_earn_credit(result: GateResult, config: RewardConfig) -> bool:
    return config.step_credit_weight > 0 and result.reason == "false_step"


def _step_credit(result: GateResult, config: RewardConfig) -> float:
    assert result.steps is not None, "a false step was found"
    # Two readings of a text may word one claim differently.
    false = min(len(result.steps.false), result.steps.checked)
    return config.step_credit_weight * (1 - false / result.steps.checked)


def _require_support(problem: GradedProblem, natural: Iterable[_Naturalness], config: RewardConfig) -> None:
    if not config.needs_support or problem.convention in ANSWER_IS_TEXT:
        return
    given = [own.support for own in natural]
    if any(support is None or not math.isfinite(support) for support in given):
        raise ValueError(
            f"support_weight={config.support_weight} and min_support={config.min_support} need the support of each "
            f"candidate, and `backbone` gave {given}; fill TokenScores.support with finite numbers, or set "
            "support_weight=0 and min_support=null."
        )


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
            total=1
            + config.alignment_weight * aligned
            + config.diversity_weight * diverse
            + _facts_and_tail(result, own, config)
            + config.support_weight * support_term(own.support or 0.0),
            mean_logprob=own.logprob,
            tail_fraction=own.tail_fraction,
            typicality_gap=own.gap,
            support=own.support,
            overlap=result.overlap,
            repetition=result.repetition,
            extracted=result.extracted,
            coverage=result.coverage,
            tail=own.tail,
            **_step_fields(result),
        )
        for result, own, aligned, diverse in zip(results, natural, alignments, diversities, strict=True)
    ]


def _alignments(problem: GradedProblem, natural: list[_Naturalness], config: RewardConfig) -> list[float]:
    means = [own.logprob for own in natural if own.logprob is not None]
    if not means:
        return [0.0] * len(natural)
    if config.alignment == "anchored":
        return [alignment.anchored(mean, problem.anchors) for mean in means]
    if config.alignment == "paper":
        return alignment.paper(means)
    if config.alignment == "rlt":
        return [rlt_term(own.rlt) for own in natural if own.rlt is not None]
    gaps = [own.gap for own in natural if own.gap is not None]
    if len(gaps) < len(natural):
        raise ValueError(
            "alignment=typicality compares log-probs with entropies, and `backbone` gave no entropies; fill "
            "TokenScores.entropies, or set alignment=anchored."
        )
    return [alignment.typicality(gap, config.typicality_tau) for gap in gaps]


def _facts_and_tail(result: GateResult, natural: _Naturalness, config: RewardConfig) -> float:
    """Weighted coverage and tail terms; a candidate without any fact to hold, or token to judge, lacks nothing."""
    held = 1.0 if result.coverage is None else result.coverage
    likely = 1.0 if natural.tail is None else alignment.tail_naturalness(natural.tail, config.tail_tau)
    return config.coverage_weight * held + config.tail_weight * likely


def _diversities(texts: list[str], config: RewardConfig, embed: Embed | None) -> list[float]:
    if config.diversity == "lexical":
        return diversity.lexical(texts)
    if not config.needs_embeddings:
        return [0.0] * len(texts)
    assert embed is not None
    vectors = _checked("embed", embed(texts), texts)
    return diversity.embedding(vectors) if config.diversity == "embedding" else diversity.paper(vectors)


def _naturalness(problem: GradedProblem, scores: TokenScores, config: RewardConfig) -> _Naturalness:
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
    tail = _tail(problem, scores, config)
    rlt = _rlt(scores) if config.needs_solution else None
    return _Naturalness(logprob, alignment.tail_fraction(scores.logprobs), gap, tail, scores.support, rlt)


def _rlt(scores: TokenScores) -> float:
    if not scores.solution or scores.sampled is None or len(scores.sampled) != len(scores.logprobs):
        raise ValueError(
            "alignment=rlt compares log-probs with those of the sampling, and adds those of the expert solution; "
            f"`backbone` gave {len(scores.sampled or ())} of the sampling for {len(scores.logprobs)} tokens and "
            f"{len(scores.solution or ())} of the solution. Fill TokenScores.sampled and TokenScores.solution, or set "
            "alignment=anchored."
        )
    return rlt_reward(scores.solution, scores.logprobs, scores.sampled)


def _tail(problem: GradedProblem, scores: TokenScores, config: RewardConfig) -> float | None:
    if scores.pieces is None:
        if config.tail_weight > 0:
            raise ValueError(
                f"tail_weight={config.tail_weight} needs the tokens' texts, and `backbone` gave none; fill "
                "TokenScores.pieces, or set tail_weight=0."
            )
        return None
    if len(scores.pieces) != len(scores.logprobs):
        raise ValueError(
            f"`backbone` gave {len(scores.logprobs)} log-probs and {len(scores.pieces)} texts of tokens for a "
            "candidate; give one text a token, empty if it has none."
        )
    told = told_by_expert(scores.pieces, problem.solution, problem.answer)
    return alignment.tail(scores.logprobs, told)


def _checked(service: str, given: Sequence[T], asked: Sequence[object]) -> Sequence[T]:
    if len(given) != len(asked):
        raise ValueError(
            f"`{service}` gave {len(given)} results for {len(asked)} inputs; return one for each, in order."
        )
    return given


def _rejected_score(result: GateResult, natural: _Naturalness | None, credit: float) -> Score:
    return Score(
        gate=False,
        reason=result.reason,
        alignment=0.0,
        diversity=0.0,
        total=credit,
        mean_logprob=natural.logprob if natural else None,
        tail_fraction=natural.tail_fraction if natural else None,
        typicality_gap=natural.gap if natural else None,
        support=natural.support if natural else None,
        overlap=result.overlap,
        repetition=result.repetition,
        extracted=result.extracted,
        coverage=result.coverage,
        tail=natural.tail if natural else None,
        **_step_fields(result),
    )


def _step_fields(result: GateResult) -> dict[str, Any]:
    if result.steps is None:
        return {}
    steps = result.steps
    return {"steps_checked": steps.checked, "false_steps": steps.false, "broken_steps": steps.broken}
