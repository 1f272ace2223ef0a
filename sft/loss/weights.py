"""Weights of completion tokens, constant with respect to the gradient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import torch
from torch import Tensor

from sft.config.weights import (
    ASFTWeight,
    DFTWeight,
    EAFTWeight,
    IWSFTWeight,
    LowPerplexityMask,
    NoWeight,
    PriorRatioWeight,
    PriorWeight,
    SequenceISWeight,
    TokenISWeight,
    Weight,
)

MAX_LOG_RATIO = 20.0
Mode = Literal["truncate", "mask"]


@dataclass(frozen=True)
class TokenBatch:
    """Tensors of shape (B, T) that rules read, logarithms in nats; values outside of `mask` are arbitrary."""

    logprobs: Tensor
    """Log-probs under the model in training."""

    behavior_logprobs: Tensor
    """Log-probs under the behaviour distribution, which wrote the tokens."""

    prior_logprobs: Tensor
    """Log-probs under the backbone given the question."""

    entropies: Tensor
    """Entropies of the next-token distributions of the model in training."""

    mask: Tensor
    """True at completion tokens."""

    rows: Tensor
    """Number of each token's row, below B T; a packed sequence holds several rows."""

    prior_above: Tensor | None = None
    """Mass of the tokens that are likelier than this one under the backbone; None if no rule reads it."""


@dataclass(frozen=True)
class TokenWeights:
    """Detached float32 weights, of the same shape as the log-probs."""

    weights: Tensor
    """Factor of each token's loss."""

    ratio: Tensor
    """Weights before clipping and masking."""


def none_weights(logprobs: Tensor) -> TokenWeights:
    """w = 1: maximum likelihood."""
    ones = torch.ones_like(logprobs, dtype=torch.float32)
    return TokenWeights(ones, ones)


def dft_weights(logprobs: Tensor) -> TokenWeights:
    """w = pi_theta(y_t), hence L = -sum sg(pi_theta) log pi_theta (DFT, arXiv 2508.05629)."""
    ratio = logprobs.float().exp()
    return TokenWeights(ratio, ratio)


def token_is_weights(
    logprobs: Tensor, behavior_logprobs: Tensor, clip_max: float, mode: Mode = "truncate"
) -> TokenWeights:
    """w = r = pi_theta(y_t) / pi_behavior(y_t); if r is above C = `clip_max`, w = C or, in mode `mask`, 0.

    This is truncated importance sampling, or its masked variant. A point mass has log-prob 0, and r is pi_theta(y_t) as
    in DFT. log r is clamped to +-20: r is finite and not 0.
    """
    return _clipped(_log_ratio(logprobs, behavior_logprobs).exp(), clip_max, mode)


def prior_ratio_weights(
    logprobs: Tensor, prior_logprobs: Tensor, clip_max: float, mode: Mode = "truncate"
) -> TokenWeights:
    """w = r = pi_theta(y_t) / pi_prior(y_t), clipped as in `token_is_weights`.

    The prior did not write the token, so this is not importance sampling.
    """
    return _clipped(_log_ratio(logprobs, prior_logprobs).exp(), clip_max, mode)


def sequence_is_weights(tokens: TokenBatch, clip_max: float, mode: Mode = "truncate") -> TokenWeights:
    """w = r = exp(mean_t log(pi_theta / pi_behavior)) for all tokens of a row, clipped as in `token_is_weights`.

    The geometric mean of the ratios is used as in GSPO (arXiv 2507.18071): with their product, one row would dominate.
    """
    return _clipped(_mean_log_ratio(tokens, tokens.behavior_logprobs).exp(), clip_max, mode)


def iw_sft_weights(tokens: TokenBatch, scale: float, clip_max: float) -> TokenWeights:
    """w = min(exp(s mean_t log(pi_theta / pi_prior)), C) for all tokens of a row (iw-SFT, arXiv 2507.12856)."""
    ratio = (scale * _mean_log_ratio(tokens, tokens.prior_logprobs)).exp()
    return _clipped(ratio, clip_max, "truncate")


def eaft_weights(entropies: Tensor, top_k: int, alpha: float) -> TokenWeights:
    """w = min(H_t / ln k, 1)^alpha (EAFT, arXiv 2601.02151).

    H_t is the entropy over the whole vocabulary, in nats; the authors approximate it with the k likeliest tokens.
    """
    share = (entropies.float() / math.log(top_k)).clamp(0, 1) ** alpha
    return TokenWeights(share, share)


def low_perplexity_weights(prior_logprobs: Tensor, max_perplexity: float) -> TokenWeights:
    """w = 1 if 1 / pi_prior(y_t) <= `max_perplexity`, else 0 (STM, arXiv 2501.14315)."""
    kept = (-prior_logprobs.float() <= math.log(max_perplexity)).float()
    return TokenWeights(kept, torch.ones_like(kept))


def prior_weights(tokens: TokenBatch, mass: float | None) -> TokenWeights:
    """w = pi_prior(y_t); with `mass`, 1 in the nucleus of this mass under the prior, else 0 (PriFT, arXiv 2606.09396).

    The nucleus is the smallest set of likeliest tokens that has the mass: a token is in it if the likelier ones have
    less. Tokens of equal probability are in it together.
    """
    if mass is None:
        return dft_weights(tokens.prior_logprobs)
    assert tokens.prior_above is not None, "computed if a rule reads it"
    kept = (tokens.prior_above < mass).float()
    return TokenWeights(kept, torch.ones_like(kept))


@torch.no_grad()
def token_weights(rule: Weight, tokens: TokenBatch) -> TokenWeights:
    """Weights under a rule. `asft` has the weights of `dft`; its divergence is a separate term of the loss."""
    match rule:
        case NoWeight():
            return none_weights(tokens.logprobs)
        case DFTWeight() | ASFTWeight():
            return dft_weights(tokens.logprobs)
        case TokenISWeight(clip_max=clip_max, mode=mode):
            return token_is_weights(tokens.logprobs, tokens.behavior_logprobs, clip_max, mode)
        case SequenceISWeight(clip_max=clip_max, mode=mode):
            return sequence_is_weights(tokens, clip_max, mode)
        case IWSFTWeight(scale=scale, clip_max=clip_max):
            return iw_sft_weights(tokens, scale, clip_max)
        case PriorRatioWeight(clip_max=clip_max, mode=mode):
            return prior_ratio_weights(tokens.logprobs, tokens.prior_logprobs, clip_max, mode)
        case EAFTWeight(top_k=top_k, alpha=alpha):
            return eaft_weights(tokens.entropies, top_k, alpha)
        case LowPerplexityMask(max_perplexity=max_perplexity):
            return low_perplexity_weights(tokens.prior_logprobs, max_perplexity)
        case PriorWeight(mass=mass):
            return prior_weights(tokens, mass)
        case _:
            assert_never(rule)


@torch.no_grad()
def weights_by_rule(rules: Sequence[Weight], rule_of_token: Tensor, tokens: TokenBatch) -> TokenWeights:
    """Weights of tokens under different rules; `rule_of_token` (B, T) has positions in `rules`, constant over a row."""
    values = none_weights(tokens.logprobs)
    for number, rule in enumerate(rules):
        selected = rule_of_token == number
        if (selected & tokens.mask).any():
            of_rule = token_weights(rule, tokens)
            values = TokenWeights(
                torch.where(selected, of_rule.weights, values.weights),
                torch.where(selected, of_rule.ratio, values.ratio),
            )
    return values


def _clipped(ratio: Tensor, clip_max: float, mode: Mode) -> TokenWeights:
    if mode == "mask":
        return TokenWeights(ratio.masked_fill(ratio > clip_max, 0), ratio)
    return TokenWeights(ratio.clamp(max=clip_max), ratio)


def _log_ratio(logprobs: Tensor, others: Tensor) -> Tensor:
    return (logprobs.float() - others.float()).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def _mean_log_ratio(tokens: TokenBatch, others: Tensor) -> Tensor:
    """Mean log-ratio over the completion tokens of each token's row, of shape (B, T)."""
    log_ratio = _log_ratio(tokens.logprobs, others).masked_fill(~tokens.mask, 0)
    rows = tokens.rows.flatten()
    # Sized for the largest possible number of rows: counting them would synchronise with the device.
    sums = torch.zeros_like(log_ratio.flatten()).index_add_(0, rows, log_ratio.flatten())
    counts = torch.zeros_like(sums).index_add_(0, rows, tokens.mask.flatten().to(sums.dtype))
    return (sums / counts.clamp(min=1))[tokens.rows]
