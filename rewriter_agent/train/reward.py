"""The group reward as TRL calls it: a whole batch, K consecutive rows a problem."""

import time
from collections.abc import Callable, Sequence
from statistics import fmean, pstdev
from typing import Any

from reward import Score

from ..scoring import AnchoredProblem, GroupScorer, Sample

LogMetric = Callable[[str, float], None]
LogExtra = Callable[[str, list[Any]], None]


class GroupReward:
    """Scores each group of `num_generations` candidates and logs every term of the reward."""

    __name__ = "group_reward"

    def __init__(
        self, scorer: GroupScorer, problems: dict[str, AnchoredProblem], num_generations: int, eos_id: int
    ) -> None:
        self.scorer = scorer
        self.problems = problems
        self.num_generations = num_generations
        self.eos_id = eos_id

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
        for start in range(0, len(completion_ids), self.num_generations):
            rows = slice(start, start + self.num_generations)
            assert len(set(problem_id[rows])) == 1, "a group's rows must be consecutive"
            samples = [self._sample(ids) for ids in completion_ids[rows]]
            groups.append((self.problems[problem_id[start]], samples))
        start = time.perf_counter()
        scores = [score for group in self.scorer(groups) for score in group.scores]
        log_metric("perf/reward_s", time.perf_counter() - start)
        log_terms(scores, log_metric)
        log_extra("problem_id", problem_id)
        for field in ("reason", "alignment", "diversity", "mean_logprob", "tail_fraction", "overlap"):
            log_extra(field, [getattr(score, field) for score in scores])
        return [score.total for score in scores]

    def _sample(self, ids: Sequence[int]) -> Sample:
        return Sample(self.scorer.tokens.text(list(ids)), ids[-1] == self.eos_id, tuple(ids))


def log_terms(scores: Sequence[Score], log_metric: LogMetric) -> None:
    """Mean and standard deviation of each term; alignment and diversity over the candidates that passed.

    A term that no candidate has in this batch is not logged. Rejections are logged as shares of all.
    """
    passed = [score for score in scores if score.gate]
    terms = {
        "gate": [float(score.gate) for score in scores],
        "alignment": [score.alignment for score in passed],
        "diversity": [score.diversity for score in passed],
        "total": [score.total for score in scores],
    }
    for name, values in terms.items():
        if values:
            log_metric(f"reward_terms/{name}_mean", fmean(values))
            log_metric(f"reward_terms/{name}_std", pstdev(values))
    for reason in sorted({score.reason for score in scores if score.reason}):
        log_metric(f"rejected/{reason}", sum(score.reason == reason for score in scores) / len(scores))
