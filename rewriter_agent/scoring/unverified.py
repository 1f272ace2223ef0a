"""Scores of candidates without verification: every text that ended is accepted."""

from collections.abc import Sequence

from cluster.fleet.fleet import Fleet
from cluster.types import ScoreRequest
from reward import Score
from reward.alignment import tail_fraction
from reward.types import Reason
from rewriter_agent.data.prompt_encoder import Tokens

from .group_scorer import AnchoredProblem, Sample, ScoredGroup, mean


class UnverifiedScorer:
    """Accepts every text that ended and holds no control token, and scores it under the backbone."""

    config = None
    """No setting of the reward is read."""

    def __init__(self, tokens: Tokens, backbone: Fleet) -> None:
        self.tokens = tokens
        self.backbone = backbone

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        """Score each group; order kept."""
        asked = [
            ScoreRequest(list(problem.prompt_ids), list(sample.token_ids))
            for problem, samples in groups
            for sample in samples
            if _rejection(sample) is None
        ]
        logprobs = (scored.logprobs for scored in self.backbone.score(asked))
        found = []
        for _, samples in groups:
            own = [None if _rejection(sample) else next(logprobs) for sample in samples]
            scores = [_score(sample, known) for sample, known in zip(samples, own, strict=True)]
            found.append(ScoredGroup(samples, scores, own, []))
        return found


def _rejection(sample: Sample) -> Reason | None:
    if not sample.finished:
        return "unfinished"
    return "control_token" if sample.has_control_tokens else None


def _score(sample: Sample, logprobs: list[float] | None) -> Score:
    return Score(
        gate=logprobs is not None,
        reason=_rejection(sample),
        alignment=0.0,
        diversity=0.0,
        total=0.0,
        mean_logprob=None if logprobs is None else mean(logprobs),
        tail_fraction=None if logprobs is None else tail_fraction(logprobs),
        typicality_gap=None,
        overlap=0.0,
        repetition=0.0,
        extracted=None,
    )
