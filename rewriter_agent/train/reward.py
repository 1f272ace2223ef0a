"""The group reward as TRL calls it: a whole batch, K consecutive rows a problem."""

import time
from collections.abc import Callable, Sequence
from statistics import correlation, fmean, pstdev
from typing import Any

from reward import Score
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample, ScoredGroup

from .prefetch import Prefetch
from .rejections import RejectionWarning

LogMetric = Callable[[str, float], None]
LogExtra = Callable[[str, list[Any]], None]

LOGGED = (
    "reason",
    "alignment",
    "diversity",
    "mean_logprob",
    "tail_fraction",
    "typicality_gap",
    "overlap",
    "repetition",
    "coverage",
    "tail",
    "steps_checked",
    "support",
)
"""The fields of a score that TRL's completion logs keep."""


SCORED_LENGTH = "completions/mean_scored_length"


class GroupReward:
    """Scores each group of `num_generations` candidates and logs every term of the reward."""

    __name__ = "group_reward"

    def __init__(
        self,
        scorer: GroupScorer,
        problems: dict[str, AnchoredProblem],
        num_generations: int,
        say: Callable[[str], None] = print,
    ) -> None:
        """`say` prints a warning."""
        self.scorer = scorer
        self.problems = problems
        self.num_generations = num_generations
        self.warn = RejectionWarning(say)
        self.prefetch: Prefetch | None = None
        """Holds the scores if candidates are prefetched."""
        self.sampled: Callable[[], Sequence[Sequence[float]]] | None = None
        """Returns the log-probs of the batch's tokens as they were sampled, one list a row."""

    def __call__(
        self,
        completion_ids: list[list[int]],
        problem_id: list[str],
        log_extra: LogExtra,
        log_metric: LogMetric,
        **_: Any,
    ) -> list[float]:
        """One reward a row, in order."""
        groups = []
        logprobs = self.sampled() if self.sampled else [[] for _ in completion_ids]
        assert len(logprobs) == len(completion_ids)
        for start in range(0, len(completion_ids), self.num_generations):
            rows = slice(start, start + self.num_generations)
            assert len(set(problem_id[rows])) == 1, "a group's rows must be consecutive"
            samples = list(map(self.sample, completion_ids[rows], logprobs[rows]))
            groups.append((self.problems[problem_id[start]], samples))
        start = time.perf_counter()
        scored = self.scorer(groups) if self.prefetch is None else self.prefetch.scores(groups)
        scores = [score for group in scored for score in group.scores]
        log_metric("perf/reward_s", time.perf_counter() - start)
        self.warn(scores)
        log_terms(scores, log_metric)
        log_lengths(scores, [len(ids) for ids in completion_ids], log_metric)
        log_metric(SCORED_LENGTH, scored_length(scored))
        log_judge([verdict for group in scored for verdict in group.judged_bad], log_metric)
        log_metric("verifier/timeouts", self.scorer.verifier.timeouts)
        log_metric("verifier/crashes", self.scorer.verifier.crashes)
        log_steps(scores, log_metric)
        if self.scorer.config.quote_expert:
            log_metric("steps/quoted_candidates", quoted_share(groups, scored))
        log_extra("problem_id", problem_id)
        log_extra("false_steps", ["; ".join(map(str, score.false_steps)) for score in scores])
        log_extra("broken_steps", ["; ".join(score.broken_steps) for score in scores])
        for field in LOGGED:
            log_extra(field, [getattr(score, field) for score in scores])
        return [score.total for score in scores]

    def sample(self, ids: Sequence[int], logprobs: Sequence[float]) -> Sample:
        """A candidate of its token ids, and of their log-probs as they were sampled."""
        tokens = self.scorer.tokens
        return Sample(
            tokens.text(list(ids)),
            tokens.finished(ids),
            tuple(ids),
            tuple(logprobs),
            has_control_tokens=tokens.has_control_tokens(ids),
        )


def log_lengths(scores: Sequence[Score], lengths: Sequence[int], log_metric: LogMetric) -> None:
    """Pearson correlation of each term with the length in tokens, over the candidates that passed.

    A policy that learns to write long or short for its own sake shows here first. Not logged if fewer than
    three passed, or a value does not vary.
    """
    passed = [(score, length) for score, length in zip(scores, lengths, strict=True) if score.gate]
    counts = [length for _, length in passed]
    for name in ("alignment", "diversity", "total"):
        values = [getattr(score, name) for score, _ in passed]
        if len(passed) > 2 and len(set(values)) > 1 and len(set(counts)) > 1:
            log_metric(f"length_correlation/{name}", correlation(values, counts))


def scored_length(scored: Sequence[ScoredGroup]) -> float:
    """Mean tokens of a candidate that the backbone has scored; candidates that it has not scored count as none."""
    read = sum(len(logprobs or ()) for group in scored for logprobs in group.logprobs)
    return read / sum(len(group.scores) for group in scored)


def log_judge(judged_bad: Sequence[bool], log_metric: LogMetric) -> None:
    """How often the judge accepted reasoning known to be bad; not logged if there is no judge."""
    if judged_bad:
        log_metric("judge/false_accept", fmean(judged_bad))


def log_steps(scores: Sequence[Score], log_metric: LogMetric) -> None:
    """Mean number of checked steps, the share of them that is true, and the shares of candidates with a bad step.

    Of the candidates whose steps were checked, whatever their answer; not logged without any.
    """
    read = [(score, score.steps_checked) for score in scores if score.steps_checked is not None]
    if not read:
        return
    checked = sum(count for _, count in read)
    log_metric("steps/checked_mean", checked / len(read))
    log_metric("steps/false_candidates", fmean(bool(score.false_steps) for score, _ in read))
    log_metric("steps/broken_candidates", fmean(bool(score.broken_steps) for score, _ in read))
    if checked:
        log_metric("steps/true_share", 1 - sum(len(score.false_steps) for score, _ in read) / checked)


def quoted_share(
    groups: Sequence[tuple[AnchoredProblem, list[Sample]]], scored: Sequence[ScoredGroup]
) -> float:
    """Share of the candidates whose scored text quotes the expert, unlike the sampled one."""
    sampled = [sample.text for _, samples in groups for sample in samples]
    texts = [sample.text for group in scored for sample in group.samples]
    return fmean(text != other for text, other in zip(texts, sampled, strict=True))


def log_terms(scores: Sequence[Score], log_metric: LogMetric) -> None:
    """Mean and standard deviation of each term; all but gate and total over the candidates that passed.

    Tail and support are in nats, before their exponentials.

    A term that no candidate has in this batch is not logged. Rejections are logged as shares of all.
    """
    passed = [score for score in scores if score.gate]
    terms = {
        "gate": [float(score.gate) for score in scores],
        "alignment": [score.alignment for score in passed if score.mean_logprob is not None],
        "diversity": [score.diversity for score in passed],
        "coverage": [score.coverage for score in passed if score.coverage is not None],
        "tail": [score.tail for score in passed if score.tail is not None],
        "support": [score.support for score in passed if score.support is not None],
        "total": [score.total for score in scores],
    }
    for name, values in terms.items():
        if values:
            log_metric(f"reward_terms/{name}_mean", fmean(values))
            log_metric(f"reward_terms/{name}_std", pstdev(values))
    for reason in sorted({score.reason for score in scores if score.reason}):
        log_metric(f"rejected/{reason}", sum(score.reason == reason for score in scores) / len(scores))
