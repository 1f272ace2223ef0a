"""The rules by which completion tokens are weighted, as a user names them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @property
    def needs_behavior(self) -> bool:
        """Whether it reads the behaviour log-probs."""
        return False


class _OffPolicyRule(_Rule):
    @property
    def needs_behavior(self) -> bool:
        return True


class NoWeight(_Rule):
    """Plain maximum likelihood: every completion token weighs 1."""

    kind: Literal["none"] = "none"
    """Name of the rule."""


class DFTWeight(_Rule):
    """Dynamic fine-tuning (arXiv 2508.05629): a token weighs its own probability under the model."""

    kind: Literal["dft"] = "dft"
    """Name of the rule."""


class TokenISWeight(_OffPolicyRule):
    """Importance sampling by token: a token weighs its ratio `pi_theta / pi_behavior`."""

    kind: Literal["token_is"] = "token_is"
    """Name of the rule."""

    clip_max: float = Field(2.0, gt=0)
    """Largest ratio."""

    mode: Literal["truncate", "mask"] = "truncate"
    """What becomes of a larger one: `truncate` sets it to `clip_max`, `mask` to 0."""


class SequenceISWeight(_OffPolicyRule):
    """Importance sampling by row: all tokens of a row weigh the geometric mean of their ratios."""

    kind: Literal["sequence_is"] = "sequence_is"
    """Name of the rule."""

    clip_max: float = Field(2.0, gt=0)
    """Largest mean."""

    mode: Literal["truncate", "mask"] = "truncate"
    """What becomes of a larger one: `truncate` sets it to `clip_max`, `mask` to 0."""


class IWSFTWeight(_OffPolicyRule):
    """Importance-weighted SFT (arXiv 2507.12856): a row weighs the geometric mean of its ratios to a power."""

    kind: Literal["iw_sft"] = "iw_sft"
    """Name of the rule."""

    scale: float = Field(2.0, gt=0)
    """The power."""

    clip_max: float = Field(16.0, gt=0)
    """Largest weight."""


class EAFTWeight(_Rule):
    """Entropy-adaptive fine-tuning (arXiv 2601.02151): what the model is sure of otherwise weighs little."""

    kind: Literal["eaft"] = "eaft"
    """Name of the rule."""

    top_k: int = Field(20, ge=2)
    """A token weighs the entropy of its distribution as a share of `ln(top_k)`, 1 at most."""

    alpha: float = Field(1.0, gt=0)
    """Power of that share."""


class LowPerplexityMask(_OffPolicyRule):
    """Selective token masking (arXiv 2501.14315): only tokens that the backbone finds likely are learned."""

    kind: Literal["low_perplexity_mask"] = "low_perplexity_mask"
    """Name of the rule."""

    max_perplexity: float = Field(2.5, gt=1)
    """Tokens with a higher one under the behaviour distribution weigh 0; 2.5 is a probability of 0.4."""


class ASFTWeight(_Rule):
    """Anchored SFT (arXiv 2509.23753): `dft`, and a KL divergence that holds the model near the one it starts from."""

    kind: Literal["asft"] = "asft"
    """Name of the rule."""

    beta: float = Field(0.05, gt=0)
    """Weight of the divergence, nats a token. Its reference is a frozen copy of the model in every worker."""


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
