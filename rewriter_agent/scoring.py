"""Candidates to group scores: `reward` supplies the arithmetic, the fleet the backbone's log-probs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cluster.fleet import Fleet
from cluster.types import ScoreRequest
from reward import Anchors, Candidate, RewardConfig, Score, score_group
from reward.sandbox import Verifier

from .data.problem import Problem
from .tokens import Tokens


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of a non-empty sequence."""
    return sum(values) / len(values)


@dataclass(frozen=True)
class AnchoredProblem(Problem):
    """A problem with l(y*) and l_self, as the reward wants it."""

    anchors: Anchors = field(kw_only=True)


@dataclass(frozen=True)
class Sample(Candidate):
    """A candidate with the ids that the engine sampled."""

    token_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class ScoredGroup:
    """One problem's candidates: their scores, and log-probs under the backbone of those that passed."""

    scores: list[Score]
    logprobs: list[list[float] | None]


class GroupScorer:
    """Scores whole groups; several at a time, so that no scoring engine waits for another group's checks."""

    def __init__(self, tokens: Tokens, backbone: Fleet, verifier: Verifier, config: RewardConfig) -> None:
        self.tokens = tokens
        self.backbone = backbone
        self.verifier = verifier
        self.config = config

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        """Score each group of K candidates; order kept."""
        with ThreadPoolExecutor(2 * len(self.backbone.engines)) as pool:
            return list(pool.map(lambda group: self._score(*group), groups))

    def _score(self, problem: AnchoredProblem, samples: list[Sample]) -> ScoredGroup:
        known: dict[tuple[int, ...], list[float]] = {}

        def backbone(_: object, passing: Sequence[Candidate]) -> list[Sequence[float]]:
            prompt = self.tokens.question(problem)
            ids = [sample.token_ids for sample in passing if isinstance(sample, Sample)]
            logprobs = self.backbone.score([ScoreRequest(prompt, list(tokens)) for tokens in ids])
            known.update(zip(ids, logprobs, strict=True))
            return list(logprobs)

        scores = score_group(
            problem, samples, config=self.config, verify=self.verifier.verify, backbone=backbone
        )
        return ScoredGroup(scores, [known.get(sample.token_ids) for sample in samples])
