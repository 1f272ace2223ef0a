"""The `rewrite` section: rewriting the training problems."""

from typing import Any

from pydantic import Field, model_validator

from .base import Strict, UserPath
from .strategies import STRATEGIES, SelectionRule, StrategyName, budget


class RewriteConfig(Strict):
    """Candidates for every training problem, the selection of targets, and when to skip rewriting."""

    strategy: StrategyName = "policy"
    """Writer of the candidates and its prompt: `policy` the trained rewriter; `best_of_n` the backbone, with the
    rewriting prompt; `guided_align` the same, taking the first that passes; `quote_align` `best_of_n`, then
    for the unsolved problems continuations of failed candidates after the expert's next step; `self_align` the
    backbone, with the question alone; `mind_the_gap` `self_align`, then `guided_align` for the unsolved problems;
    `expert` none. `self_train` and `self_train_unverified` belong to `method: self_train`."""

    rewriter: UserPath | None = None
    """Rewriter trained by another run on the same backbone, as the path of that run's folder `train`. Null trains one
    if the strategy is `policy`."""

    num_generations: int = Field(8, ge=1)
    """Maximum rollouts per problem; `mind_the_gap` and `quote_align` spend half of them on each of two rounds, and
    `self_train_unverified` spends only `num_targets` of them."""

    select: SelectionRule | None = None
    """Rule that selects targets among the candidates that pass: the highest `total`, `alignment`, `logprob` (under the
    backbone, given the question) or `typicality`; the `first`; a random one (`uniform`); or the candidates furthest
    from one another (`diverse`). Null takes the strategy's own rule."""

    num_targets: int = Field(1, ge=1)
    """Maximum targets per problem, each a row of the SFT data; only candidates that pass become targets."""

    keep_gap: float | None = None
    """Largest gap (nats per token) between the expert's solution and the backbone's own samples at which the expert's
    solution is kept without rollouts. Null rewrites every problem."""

    temperature: float = Field(1.0, ge=0)
    """Sampling temperature; at 0 all candidates of a problem are the same, greedy text."""

    max_completion_length: int = Field(256, ge=1)
    """Maximum tokens of a rewrite."""

    shard_size: int = Field(64, ge=1)
    """Problems per shard, which is the most that a killed run loses."""

    @property
    def rollouts(self) -> list[int]:
        """Rollouts per problem of each round."""
        strategy = STRATEGIES[self.strategy]
        # Without verification no candidate is a spare one.
        spends_all = strategy.accepts != "finished"
        return budget(strategy, self.num_generations if spends_all else self.num_targets)

    @model_validator(mode="after")
    def _a_rewriter_is_used(self) -> "RewriteConfig":
        if self.rewriter and self.strategy != "policy":
            raise ValueError(
                f"rewriter={self.rewriter} is not used by strategy={self.strategy}; leave it out, or set "
                "strategy=policy"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _writer_decides_behavior(cls, values: Any) -> Any:
        if isinstance(values, dict) and "behavior" in values:
            raise ValueError(
                "the key `behavior` has been removed: every target now carries the log-probs under what wrote it, and "
                "those of the backbone beside them. Leave it out; ratios to the backbone, as behavior=backbone gave "
                "them, are left in the arm rl_prior_ratio of a study"
            )
        return values

    @model_validator(mode="after")
    def _there_is_a_choice(self) -> "RewriteConfig":
        if self.select and STRATEGIES[self.strategy].accepts == "finished":
            raise ValueError(
                f"select={self.select} has nothing to choose from: strategy={self.strategy} takes every sample that "
                "ended. Leave it out."
            )
        return self

    @model_validator(mode="after")
    def _each_round_has_a_candidate(self) -> "RewriteConfig":
        rounds = STRATEGIES[self.strategy].rounds
        if self.num_generations < len(rounds):
            raise ValueError(
                f"num_generations={self.num_generations} is too few for strategy={self.strategy}, whose "
                f"{len(rounds)} rounds share them. Set num_generations={len(rounds)} or more."
            )
        return self

    @model_validator(mode="after")
    def _targets_can_be_had(self) -> "RewriteConfig":
        shares = budget(STRATEGIES[self.strategy], self.num_generations)
        if shares and self.num_targets > (most := max(shares)):
            raise ValueError(
                f"num_targets={self.num_targets} asks for more targets than the {most} candidates of a round that "
                f"strategy={self.strategy} has with num_generations={self.num_generations}; lower the one or raise the "
                "other."
            )
        return self
