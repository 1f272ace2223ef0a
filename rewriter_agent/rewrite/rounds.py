"""A strategy at work on a shard: rounds of candidates, until each problem is solved or the rounds are over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from rewriter_agent.config.outcomes import ENGINE_ERROR, IN_DISTRIBUTION, TOO_LONG
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import STRATEGIES, Round, Writer, budget
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
        scorer: GroupScorer,
    ) -> None:
        self.config = config
        self.seed = seed
        self.tokens = tokens
        self.writers = writers
        self.scorer = scorer

    def __call__(self, shard: Sequence[AnchoredProblem]) -> list[Attempt]:
        """Make one attempt per problem, in order."""
        attempts = [
            Attempt(problem, skipped=IN_DISTRIBUTION if self._keeps(problem) else None) for problem in shard
        ]
        strategy = STRATEGIES[self.config.strategy]
        rollouts = budget(strategy, self.config.num_generations)
        for number, (round_, count) in enumerate(zip(strategy.rounds, rollouts, strict=True)):
            self._run_round(round_, number, count, [attempt for attempt in attempts if attempt.unresolved])
        return attempts

    def _keeps(self, problem: AnchoredProblem) -> bool:
        gap = problem.anchors.own - problem.anchors.expert
        return self.config.keep_gap is not None and gap <= self.config.keep_gap

    def _run_round(self, round_: Round, number: int, count: int, attempts: Sequence[Attempt]) -> None:
        """Add a scored group of `count` candidates to each attempt, or the reason why there is none."""
        fleet = self.writers[round_.writer]
        max_prompt_length = fleet.spec.max_model_len - 1 - self.config.max_completion_length
        asked: list[tuple[Attempt, list[GenerateRequest]]] = []
        for attempt in attempts:
            prompt = _prompt(round_, attempt.problem)
            if (
                prompt_length(prompt, attempt.problem, self.tokens, self.scorer.config.judge)
                > max_prompt_length
            ):
                attempt.skipped = TOO_LONG
            else:
                asked.append((attempt, self._requests(prompt, number, count, attempt.problem.id)))
        answered = map_isolating_failures(
            partial(_generate, fleet), [requests for _, requests in asked], lambda: [fleet]
        )
        written: list[tuple[Attempt, list[Sample], int]] = []
        for (attempt, requests), completions in zip(asked, answered, strict=True):
            if completions is None:
                attempt.skipped = ENGINE_ERROR
            else:
                written.append((attempt, list(map(self._sample, completions)), len(requests[0].prompt_ids)))
        groups = [(attempt.problem, samples) for attempt, samples, _ in written]
        scored = map_isolating_failures(self.scorer, groups, lambda: [self.scorer.backbone])
        for (attempt, _, length), result in zip(written, scored, strict=True):
            if result is None:
                attempt.skipped = ENGINE_ERROR
            else:
                attempt.groups.append(Group(round_, result, length))

    def _requests(self, prompt: list[int], number: int, count: int, problem_id: str) -> list[GenerateRequest]:
        return [
            GenerateRequest(
                prompt,
                self.config.max_completion_length,
                self.config.temperature,
                request_seed(self.seed, f"rewrite-{number}", problem_id, k),
            )
            for k in range(count)
        ]

    def _sample(self, completion: Completion) -> Sample:
        ids = completion.token_ids
        return Sample(
            self.tokens.text(ids),
            self.tokens.finished(ids),
            tuple(ids),
            tuple(completion.logprobs),
            has_control_tokens=self.tokens.has_control_tokens(ids),
        )


def _prompt(round_: Round, problem: AnchoredProblem) -> list[int]:
    return list(problem.prompt_ids if round_.prompt == "question" else problem.rewriting_prompt_ids)


def _generate(fleet: Fleet, groups: Sequence[list[GenerateRequest]]) -> list[list[Completion]]:
    following = iter(fleet.generate([request for group in groups for request in group]))
    return [[next(following) for _ in group] for group in groups]
