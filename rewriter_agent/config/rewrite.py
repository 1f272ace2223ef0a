"""How the training problems are rewritten."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from .base import Strict
from .strategies import STRATEGIES, SelectionRule, StrategyName, budget

FEWEST_CANDIDATES = 2
"""In a group, because scores compare its candidates with each other."""


class RewriteConfig(Strict):
    """Candidates for every training problem, the ones that become targets, and when none are needed."""

    strategy: StrategyName = "policy"
    """Who writes the candidates, and from what: `policy` the trained rewriter; `best_of_n` the backbone, by the
    rewriting prompt; `guided_align` the same, the first that passes; `self_align` the backbone from the question
    alone; `mind_the_gap` `self_align`, then `guided_align` for what it did not solve; `expert` nobody."""

    rewriter: Path | None = None
    """A rewriter that another run has trained on the same backbone: its folder `train`. Null trains one, where the
    strategy is `policy`."""

    num_generations: int = Field(8, ge=FEWEST_CANDIDATES)
    """Rollouts a problem at most; `mind_the_gap` spends half of them on each of its rounds."""

    select: SelectionRule | None = None
    """Which of the candidates that pass become targets: the highest `total`, `alignment`, `logprob` (under the
    backbone, given the question) or `typicality`, the `first`, any (`uniform`), or those furthest from one another
    (`diverse`). Null takes the strategy's own rule."""

    num_targets: int = Field(1, ge=1)
    """Targets a problem at most, each a row of the SFT data; more than one only where as many pass."""

    keep_gap: float | None = None
    """Where the expert's solution is at most this much less likely than the backbone's own samples (nats per
    token), it stays as it is and costs no rollouts. Null rewrites every problem."""

    behavior: Literal["backbone", "rewriter"] = "backbone"
    """Whose log-probs SFT corrects for: the backbone's, given the question, or those of the model that wrote the
    target, given its prompt and at `temperature`, as it was sampled. Those of an expert's solution are always the
    backbone's."""

    temperature: float = Field(1.0, ge=0)
    """Of sampling; at 0 all of a problem's candidates are the same, likeliest text."""

    max_completion_length: int = Field(256, ge=1)
    """Tokens a rewrite may have."""

    shard_size: int = Field(64, ge=1)
    """Problems a shard: what a killed run loses at most."""

    @model_validator(mode="after")
    def _a_rewriter_is_used(self) -> "RewriteConfig":
        if self.rewriter and self.strategy != "policy":
            raise ValueError(
                f"rewriter={self.rewriter} is not used by strategy={self.strategy}; leave it out, or set "
                "strategy=policy"
            )
        return self

    @model_validator(mode="after")
    def _log_probs_are_of_sampling(self) -> "RewriteConfig":
        if self.temperature == 0 and self.behavior == "rewriter":
            raise ValueError(
                "temperature=0 samples from no distribution, so that behavior=rewriter has no log-probs; set "
                "behavior=backbone, or a positive temperature"
            )
        return self

    @model_validator(mode="after")
    def _each_round_has_a_group(self) -> "RewriteConfig":
        rounds = STRATEGIES[self.strategy].rounds
        fewest = FEWEST_CANDIDATES * len(rounds)
        if self.num_generations < fewest:
            raise ValueError(
                f"num_generations={self.num_generations} is too few for strategy={self.strategy}, whose "
                f"{len(rounds)} rounds share them: a group needs {FEWEST_CANDIDATES} candidates. Set "
                f"num_generations={fewest} or more."
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
