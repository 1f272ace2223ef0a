"""A strategy at work on a shard: rounds of candidates, until each problem is solved or the rounds are over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from reward.quotation import quote_next_step
from rewriter_agent.config.outcomes import ENGINE_ERROR, IN_DISTRIBUTION, TOO_LONG, TOOL_CALL
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import STRATEGIES, Round, Writer
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.io.seeds import request_seed
from rewriter_agent.scoring.group_scorer import (
    AnchoredProblem,
    GroupScorer,
    Sample,
    ScoredGroup,
    prompt_length,
)
from rewriter_agent.scoring.retry import map_isolating_failures
from rewriter_agent.scoring.unverified import UnverifiedScorer


@dataclass(frozen=True)
class Group:
    """One round's candidates for one problem."""

    round: Round
    scored: ScoredGroup
    prompt_tokens: int
    """Length of the prompt that all candidates share."""

    @property
    def samples(self) -> list[Sample]:
        """The candidates as they were scored."""
        return self.scored.samples

    @property
    def solved(self) -> bool:
        """Whether a candidate passed the gate."""
        return any(score.gate for score in self.scored.scores)


@dataclass(frozen=True)
class Asked:
    """Requests for one round's candidates of one problem, and the tokens that each candidate begins with."""

    attempt: "Attempt"
    requests: list[GenerateRequest]
    beginnings: list[list[int]]
    prompt_tokens: int
    """Length of the prompt that all candidates share."""


@dataclass
class Attempt:
    """Rounds of candidates for one problem."""

    problem: AnchoredProblem
    groups: list[Group] = field(default_factory=list)
    skipped: str | None = None
    """Reason why no candidate was requested or returned."""

    @property
    def unresolved(self) -> bool:
        """Whether another round is wanted."""
        return self.skipped is None and not (self.groups and self.groups[-1].solved)


class Rewriter:
    """Makes attempts at shards of problems. The result for a shard depends on the shard and the seed alone."""

    def __init__(
        self,
        config: RewriteConfig,
        seed: int,
        tokens: Tokens,
        writers: Mapping[Writer, Fleet],
        scorer: GroupScorer | UnverifiedScorer,
    ) -> None:
        self.config = config
        self.seed = seed
        self.tokens = tokens
        self.writers = writers
        self.scorer = scorer

    def __call__(self, shard: Sequence[AnchoredProblem]) -> list[Attempt]:
        """Make one attempt per problem, in order."""
        attempts = [Attempt(problem, skipped=self._reason_to_keep(problem)) for problem in shard]
        strategy = STRATEGIES[self.config.strategy]
        for number, (round_, count) in enumerate(zip(strategy.rounds, self.config.rollouts, strict=True)):
            self._run_round(round_, number, count, [attempt for attempt in attempts if attempt.unresolved])
        return attempts

    def _reason_to_keep(self, problem: AnchoredProblem) -> str | None:
        """Reason for the expert's solution without a try; None if there is none."""
        if problem.is_kept:
            return TOOL_CALL
        gap = problem.anchors.own - problem.anchors.expert
        return IN_DISTRIBUTION if self.config.keep_gap is not None and gap <= self.config.keep_gap else None

    def _run_round(self, round_: Round, number: int, count: int, attempts: Sequence[Attempt]) -> None:
        """Add a scored group of `count` candidates to each attempt, or the reason why there is none."""
        fleet = self.writers[round_.writer]
        max_prompt_length = fleet.spec.max_model_len - 1 - self.config.max_completion_length
        asked: list[Asked] = []
        for attempt in attempts:
            prompt = _prompt(round_, attempt.problem)
            if prompt_length(prompt, attempt.problem, self.tokens, self.scorer.config) > max_prompt_length:
                attempt.skipped = TOO_LONG
            elif beginnings := self._beginnings(round_, attempt, count):
                requests = self._requests(prompt, beginnings, number, attempt.problem.id)
                asked.append(Asked(attempt, requests, beginnings, len(prompt)))
        answered = map_isolating_failures(
            partial(_generate, fleet), [one.requests for one in asked], lambda: [fleet]
        )
        written: list[tuple[Asked, list[Sample]]] = []
        for one, completions in zip(asked, answered, strict=True):
            if completions is None:
                one.attempt.skipped = ENGINE_ERROR
            else:
                written.append((one, list(map(self._sample, one.beginnings, completions))))
        groups = [(one.attempt.problem, samples) for one, samples in written]
        backbone = self.scorer.backbone
        scored = map_isolating_failures(self.scorer, groups, lambda: [backbone] if backbone else [])
        for (one, _), result in zip(written, scored, strict=True):
            if result is None:
                one.attempt.skipped = ENGINE_ERROR
            else:
                one.attempt.groups.append(Group(round_, result, one.prompt_tokens))

    def _beginnings(self, round_: Round, attempt: Attempt, count: int) -> list[list[int]]:
        """Return the tokens that each of `count` candidates begins with; empty if there are none to quote after.

        The candidates of the round before take turns. They leave room for a continuation.
        """
        if round_.prompt != "quotation":
            return [[]] * count
        texts = [sample.text for sample in attempt.groups[-1].samples]
        quotations = [quote_next_step(text, attempt.problem.solution) for text in texts]
        encoded = [self.tokens.beginning(text) for text in dict.fromkeys(quotations) if text is not None]
        fitting = [ids for ids in encoded if len(ids) < self.config.max_completion_length]
        return [fitting[k % len(fitting)] for k in range(count)] if fitting else []

    def _requests(
        self, prompt: list[int], beginnings: Sequence[list[int]], number: int, problem_id: str
    ) -> list[GenerateRequest]:
        return [
            GenerateRequest(
                [*prompt, *beginning],
                self.config.max_completion_length - len(beginning),
                self.config.temperature,
                request_seed(self.seed, f"rewrite-{number}", problem_id, k),
            )
            for k, beginning in enumerate(beginnings)
        ]

    def _sample(self, beginning: Sequence[int], completion: Completion) -> Sample:
        ids = [*beginning, *completion.token_ids]
        return Sample(
            self.tokens.text(ids),
            self.tokens.finished(ids),
            tuple(ids),
            () if beginning else tuple(completion.logprobs),
            has_control_tokens=self.tokens.has_control_tokens(ids),
        )


def _prompt(round_: Round, problem: AnchoredProblem) -> list[int]:
    return list(problem.prompt_ids if round_.prompt == "question" else problem.rewriting_prompt_ids)


def _generate(fleet: Fleet, groups: Sequence[list[GenerateRequest]]) -> list[list[Completion]]:
    following = iter(fleet.generate([request for group in groups for request in group]))
    return [[next(following) for _ in group] for group in groups]
