"""Candidates to group scores: `reward` supplies the arithmetic, the fleet the backbone's log-probs."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest
from reward import (
    Anchors,
    Candidate,
    Embed,
    FalseStep,
    RewardConfig,
    Score,
    StepCheck,
    TokenScores,
    Verifier,
    score_group,
)
from reward.judge import corrupt
from reward.quotation import quote_expert
from rewriter_agent.data.problem import EncodedProblem
from rewriter_agent.data.prompt_encoder import Tokens

from .judge import FleetJudge, judgement_length
from .request_batcher import RequestBatcher
from .support import StatedAnswers

MOST_GROUPS = 64
"""Scored side by side: each has a thread."""


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of a non-empty sequence."""
    return sum(values) / len(values)


def prompt_length(
    prompt: Sequence[int], problem: EncodedProblem, tokens: Tokens, config: RewardConfig | None
) -> int:
    """Most tokens that an engine reads besides a candidate: its prompt, the judge's, or question and solution.

    Without a reward's `config` it is the prompt.
    """
    if config is None:
        return len(prompt)
    judged = judgement_length(tokens, problem) if config.judge else 0
    taught = 0
    if config.needs_solution:
        _, solution = tokens.expert_after([], problem)
        taught = len(problem.prompt_ids) + len(solution)
    return max(len(prompt), judged, taught)


@dataclass(frozen=True)
class AnchoredProblem(EncodedProblem):
    """A problem with l(y*) and l_self, which the reward needs."""

    anchors: Anchors = field(kw_only=True)


@dataclass(frozen=True)
class Sample(Candidate):
    """A candidate as the engine sampled it."""

    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    """Log-probs of its tokens under the model that wrote it, given the prompt it was written from, in nats; empty if it
    quotes the expert."""


@dataclass(frozen=True)
class ScoredGroup:
    """One problem's candidates: their scores, and log-probs under the backbone of the passing ones.

    `samples` are the candidates as they were scored, with their quotations of the expert.
    `judged_bad`: the judge's verdicts on reasoning known to be bad; a True is a false acceptance.
    """

    samples: list[Sample]
    scores: list[Score]
    logprobs: list[list[float] | None]
    judged_bad: list[bool]
    judged: int = 0
    """Texts that the judge has read, including texts known to be bad."""


class GroupScorer:
    """Scores whole groups: checks answers in parallel, and scores passing texts under the backbone in one call."""

    def __init__(
        self,
        tokens: Tokens,
        backbone: Fleet | None,
        verifier: Verifier,
        config: RewardConfig,
        embed: Embed | None = None,
    ) -> None:
        """Leave out the measures of log-probs if there is no `backbone`, which `config` must then not need."""
        self.tokens = tokens
        self.backbone = backbone
        self.verifier = verifier
        self.config = config
        self.embed = embed

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        """Score each group of K candidates; order kept."""
        slices = [groups[start : start + MOST_GROUPS] for start in range(0, len(groups), MOST_GROUPS)]
        return [scored for part in slices for scored in self._score_together(part)]

    def _score_together(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        together = RequestBatcher(self.backbone, len(groups))

        def score(number: int) -> ScoredGroup:
            try:
                return self._score(*groups[number], partial(together.score, number))
            finally:
                together.leave()

        # A thread a group: each waits for the others.
        with ThreadPoolExecutor(len(groups)) as pool:
            return list(pool.map(score, range(len(groups))))

    def _score(
        self,
        problem: AnchoredProblem,
        samples: list[Sample],
        ask: Callable[[Sequence[ScoreRequest]], list[Scored]],
    ) -> ScoredGroup:
        samples = self._with_quotations(problem, samples) if self.config.quote_expert else samples
        known: dict[tuple[int, ...], list[float]] = {}

        def backbone(_: object, passing: Sequence[Candidate]) -> list[TokenScores]:
            prompt, entropies = list(problem.prompt_ids), self.config.needs_entropies
            written = [sample for sample in passing if isinstance(sample, Sample)]
            ids = [sample.token_ids for sample in written]
            texts = [ScoreRequest(prompt, list(tokens), entropies) for tokens in ids]
            pieces = [self.tokens.pieces(tokens) for tokens in ids]
            answers = StatedAnswers(problem.convention, ids, pieces)
            taught = self._solutions_after(problem, ids) if self.config.needs_solution else []
            # One call, and so one wait.
            scored = ask([*texts, *taught, *answers.requests(prompt)])
            own, alone = scored[: len(ids)], scored[len(ids) + len(taught) :]
            solutions = [one.logprobs for one in scored[len(ids) : len(ids) + len(taught)]]
            known.update(zip(ids, (one.logprobs for one in own), strict=True))
            columns = (own, pieces, answers.supports(own, alone), written, solutions or [None] * len(ids))
            return [
                TokenScores(one.logprobs, one.entropies, texts_of_tokens, support, sample.logprobs, solution)
                for one, texts_of_tokens, support, sample, solution in zip(*columns, strict=True)
            ]

        judge = FleetJudge(self.tokens, ask) if self.config.judge else None
        scores = score_group(
            problem,
            samples,
            config=self.config,
            verify=self.verifier.verify,
            check_steps=self.verifier.check_steps,
            backbone=backbone if self.backbone else None,
            embed=self.embed,
            judge=judge,
        )
        logprobs = [known.get(sample.token_ids) for sample in samples]
        judged_bad = _judge_bad(judge, problem, samples, scores) if judge else []
        asked = sum(score.gate or score.reason == "judge" for score in scores) if judge else 0
        return ScoredGroup(samples, scores, logprobs, judged_bad, asked + len(judged_bad))

    def _with_quotations(self, problem: AnchoredProblem, samples: Sequence[Sample]) -> list[Sample]:
        checks = [StepCheck(sample.text, problem.question, problem.convention) for sample in samples]
        return [
            self._with_quotation(problem, sample, report.false) if report and report.false else sample
            for sample, report in zip(samples, self.verifier.check_steps(checks), strict=True)
        ]

    def _with_quotation(
        self, problem: AnchoredProblem, sample: Sample, false_steps: Sequence[FalseStep]
    ) -> Sample:
        """Return the sample with the expert's steps for its false ones, or as it is if that cannot be."""
        text = quote_expert(sample.text, false_steps, problem.solution)
        if text is None or not sample.finished or sample.has_control_tokens:
            return sample
        ids = self.tokens.completion(text)
        assert self.backbone is not None, "a quotation is compared with the expert, and so is its alignment"
        if len(problem.prompt_ids) + len(ids) >= self.backbone.spec.max_model_len:
            return sample
        return Sample(text, finished=True, token_ids=tuple(ids))

    def _solutions_after(
        self, problem: AnchoredProblem, candidates: Sequence[Sequence[int]]
    ) -> list[ScoreRequest]:
        """Requests for the expert solution's log-probs after each candidate."""
        pairs = [self.tokens.expert_after(ids, problem) for ids in candidates]
        return [ScoreRequest([*problem.prompt_ids, *body], solution) for body, solution in pairs]


def _judge_bad(
    judge: FleetJudge, problem: AnchoredProblem, samples: Sequence[Sample], scores: Sequence[Score]
) -> list[bool]:
    """Ask about one candidate with a wrong answer, that answer replaced by the right one."""
    wrong = [s.text for s, score in zip(samples, scores, strict=True) if score.reason == "wrong_answer"]
    corrupted = [corrupt(text, problem.convention, problem.answer) for text in wrong]
    return judge.judge_texts(problem, [text for text in corrupted if text is not None][:1])
