"""Rules that weight completion tokens, as a user names them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @property
    def needs_behavior(self) -> bool:
        """Whether the rule reads the behaviour log-probs."""
        return False


class _OffPolicyRule(_Rule):
    @property
    def needs_behavior(self) -> bool:
        return True


class NoWeight(_Rule):
    """Plain maximum likelihood: every completion token has weight 1."""

    kind: Literal["none"] = "none"
    """Name of the rule."""


class DFTWeight(_Rule):
    """Dynamic fine-tuning (arXiv 2508.05629): the weight of a token is its probability under the model."""

    kind: Literal["dft"] = "dft"
    """Name of the rule."""


class TokenISWeight(_OffPolicyRule):
    """Importance sampling by token: the weight of a token is its ratio `pi_theta / pi_behavior`."""

    kind: Literal["token_is"] = "token_is"
    """Name of the rule."""

    clip_max: float = Field(2.0, gt=0)
    """Largest ratio."""

    mode: Literal["truncate", "mask"] = "truncate"
    """Treatment of larger values: `truncate` sets them to `clip_max`, `mask` to 0."""


class SequenceISWeight(_OffPolicyRule):
    """Importance sampling by row: the weight of its tokens is the geometric mean of their ratios."""

    kind: Literal["sequence_is"] = "sequence_is"
    """Name of the rule."""

    clip_max: float = Field(2.0, gt=0)
    """Largest mean."""

    mode: Literal["truncate", "mask"] = "truncate"
    """Treatment of larger values: `truncate` sets them to `clip_max`, `mask` to 0."""


class IWSFTWeight(_OffPolicyRule):
    """Importance-weighted SFT (arXiv 2507.12856): the weight is the geometric mean of a row's ratios to a power."""

    kind: Literal["iw_sft"] = "iw_sft"
    """Name of the rule."""

    scale: float = Field(2.0, gt=0)
    """Power."""

    clip_max: float = Field(16.0, gt=0)
    """Largest weight."""


class EAFTWeight(_Rule):
    """Entropy-adaptive fine-tuning (arXiv 2601.02151): tokens at which the model is certain have small weights."""

    kind: Literal["eaft"] = "eaft"
    """Name of the rule."""

    top_k: int = Field(20, ge=2)
    """The weight is the entropy of a token's distribution as a share of `ln(top_k)`, at most 1."""

    alpha: float = Field(1.0, gt=0)
    """Power of that share."""


class LowPerplexityMask(_OffPolicyRule):
    """Selective token masking (arXiv 2501.14315): only tokens that are likely under the backbone are learned."""

    kind: Literal["low_perplexity_mask"] = "low_perplexity_mask"
    """Name of the rule."""

    max_perplexity: float = Field(2.5, gt=1)
    """Largest perplexity under the behaviour distribution; other tokens get weight 0. 2.5 is a probability of 0.4."""


class ASFTWeight(_Rule):
    """Anchored SFT (arXiv 2509.23753): `dft` with a KL divergence that keeps the model near the initial one."""

    kind: Literal["asft"] = "asft"
    """Name of the rule."""

    beta: float = Field(0.05, gt=0)
    """Weight of the divergence (nats per token) from a frozen copy of the initial model, held by every worker."""


Weight = Annotated[
    NoWeight
    | DFTWeight
    | TokenISWeight
    | SequenceISWeight
    | IWSFTWeight
    | EAFTWeight
    | LowPerplexityMask
    | ASFTWeight,
    Field(discriminator="kind"),
]
