"""Rules that weight completion tokens, as a user names them."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Column = Literal["behavior_logprobs", "prior_logprobs"]
"""Log-probs of a row that a rule may read: under what wrote the completion, or under the backbone."""


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    kind: str

    @property
    def reads(self) -> Column | None:
        """Log-probs that every row of the rule needs."""
        return None

    @property
    def needs_reference(self) -> bool:
        """Whether every worker holds a frozen copy of the initial model."""
        return False

    @property
    def needs_whole_rows(self) -> bool:
        """Whether workers cannot share a row."""
        return self.needs_reference


class _BehaviorRule(_Rule):
    @property
    def reads(self) -> Column | None:
        return "behavior_logprobs"


class _PriorRule(_Rule):
    @property
    def reads(self) -> Column | None:
        return "prior_logprobs"


class _ClippedRatio(_Rule):
    clip_max: float
    mode: Literal["truncate", "mask"] = "truncate"
    """Treatment of ratios above `clip_max`: `truncate` sets them to `clip_max`, `mask` to 0."""

    @model_validator(mode="after")
    def _mask_keeps_equals(self) -> Self:
        if self.mode == "mask" and self.clip_max <= 1:
            raise ValueError(
                f"mode=mask with clip_max={self.clip_max:g} drops every token that the model finds as likely as its "
                "writer did; set clip_max above 1, for example 2, or mode=truncate"
            )
        return self


class NoWeight(_Rule):
    """Plain maximum likelihood: every completion token has weight 1."""

    kind: Literal["none"] = "none"
    """Name of the rule."""


class DFTWeight(_Rule):
    """Dynamic fine-tuning (arXiv 2508.05629): the weight of a token is its probability under the model."""

    kind: Literal["dft"] = "dft"
    """Name of the rule."""


class TokenISWeight(_ClippedRatio, _BehaviorRule):
    """Importance sampling by token: the weight of a token is its ratio `pi_theta / pi_behavior`, whose denominator is
    the distribution that wrote it."""

    kind: Literal["token_is"] = "token_is"
    """Name of the rule."""

    clip_max: float = Field(1.0, gt=0)
    """Largest ratio. At 1 no token weighs more than in plain SFT."""


class SequenceISWeight(_ClippedRatio, _BehaviorRule):
    """Importance sampling by row: the weight of its tokens is the geometric mean of their ratios."""

    kind: Literal["sequence_is"] = "sequence_is"
    """Name of the rule."""

    clip_max: float = Field(1.0, gt=0)
    """Largest mean. At 1 no row weighs more than in plain SFT."""

    @property
    def needs_whole_rows(self) -> bool:
        return True


class PriorRatioWeight(_ClippedRatio, _PriorRule):
    """Ratio `pi_theta / pi_prior` to the backbone given the question, whoever wrote the token. This is not importance
    sampling, and has been found to hurt."""

    kind: Literal["prior_ratio"] = "prior_ratio"
    """Name of the rule."""

    clip_max: float = Field(2.0, gt=0)
    """Largest ratio."""


class IWSFTWeight(_PriorRule):
    """Importance-weighted SFT (arXiv 2507.12856): the weight is the geometric mean of a row's ratios to a power. As in
    its authors' code, the ratios are to the initial model."""

    kind: Literal["iw_sft"] = "iw_sft"
    """Name of the rule."""

    scale: float = Field(2.0, gt=0)
    """Power."""

    clip_max: float = Field(16.0, gt=0)
    """Largest weight."""

    @property
    def needs_whole_rows(self) -> bool:
        return True


class EAFTWeight(_Rule):
    """Entropy-adaptive fine-tuning (arXiv 2601.02151): tokens at which the model is certain have small weights."""

    kind: Literal["eaft"] = "eaft"
    """Name of the rule."""

    top_k: int = Field(20, ge=2)
    """The weight is the entropy of a token's distribution as a share of `ln(top_k)`, at most 1."""

    alpha: float = Field(1.0, gt=0)
    """Power of that share."""


class LowPerplexityMask(_PriorRule):
    """Selective token masking (arXiv 2501.14315): only tokens that are likely under the backbone are learned."""

    kind: Literal["low_perplexity_mask"] = "low_perplexity_mask"
    """Name of the rule."""

    max_perplexity: float = Field(2.5, gt=1)
    """Largest perplexity under the backbone given the question; other tokens get weight 0. 2.5 is a probability of
    0.4."""


class PriorWeight(_PriorRule):
    """PriFT (arXiv 2606.09396): the weight of a token is its probability under the backbone given the question, which
    training does not change."""

    kind: Literal["prior"] = "prior"
    """Name of the rule."""

    mass: float | None = Field(None, gt=0, lt=1)
    """Mass of a nucleus. If given, a token in the smallest set of likeliest tokens with this mass under the backbone
    gets weight 1, any other 0. Every worker then holds a frozen copy of the initial model."""

    @property
    def reads(self) -> Column | None:
        return None if self.needs_reference else "prior_logprobs"

    @property
    def needs_reference(self) -> bool:
        return self.mass is not None


class ASFTWeight(_Rule):
    """Anchored SFT (arXiv 2509.23753): `dft` with a KL divergence that keeps the model near the initial one."""

    kind: Literal["asft"] = "asft"
    """Name of the rule."""

    beta: float = Field(0.05, gt=0)
    """Weight of the divergence (nats per token) from a frozen copy of the initial model, held by every worker."""

    @property
    def needs_reference(self) -> bool:
        return True


Weight = Annotated[
    NoWeight
    | DFTWeight
    | TokenISWeight
    | SequenceISWeight
    | PriorRatioWeight
    | IWSFTWeight
    | EAFTWeight
    | LowPerplexityMask
    | PriorWeight
    | ASFTWeight,
    Field(discriminator="kind"),
]
