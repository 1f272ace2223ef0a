"""TRL's GRPOTrainer with less to compute: a step's prompts and candidates once each."""

from typing import Any

import torch
from torch import Tensor
from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import split_tensor_dict

from rewriter_agent.models.attention import can_share

from .importance import Correction
from .shared_prefix import is_cheaper, pack, shared_logps

Scored = tuple[Tensor, Tensor | None, Tensor | None]
"""Log-probs and entropies, (candidates, tokens) each, and no loss of experts."""


class SharedPrefixGRPOTrainer(GRPOTrainer):
    """GRPOTrainer for one process and engines elsewhere, whose candidates are used in one optimiser step.

    It learns what GRPOTrainer learns, but for rounding, and for the loss `bnpo`, whose mean is a batch's. A prompt is
    computed once for its candidates, which stay together therefore; and the correction for the engines' log-probs is
    taken from those of the loss.
    """

    def __init__(self, *, share_prompts: bool = True, **kwargs: Any) -> None:
        """Set up TRL's trainer; without `share_prompts` it is GRPOTrainer to the last bit."""
        super().__init__(**kwargs)
        self.share_prompts = share_prompts
        self.correction = Correction(
            self.vllm_importance_sampling_mode,
            self.vllm_importance_sampling_clip_min,
            self.vllm_importance_sampling_clip_max,
        )
        self._scored: Scored | None = None
        assert self.num_iterations == 1
        assert self.batches == self.args.gradient_accumulation_steps

    @property
    def grpo(self) -> GRPOConfig:
        """The arguments, by their type."""
        assert isinstance(self.args, GRPOConfig)
        return self.args

    @property
    def batches(self) -> int:
        """Number of batches that a step's candidates are split into."""
        assert self.grpo.steps_per_generation
        return self.grpo.steps_per_generation

    def _prepare_inputs(self, inputs: Any) -> dict[str, Any]:
        """Prepare inputs as TRL does, without shuffling the step's candidates."""
        if not self.share_prompts:
            return super()._prepare_inputs(inputs)
        if self._step % self.batches == 0 or self._buffered_inputs is None:
            self._buffered_inputs = split_tensor_dict(
                self._generate_and_score_completions(inputs), self.batches
            )
        return self._buffered_inputs[self._step % self.batches]

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        """Generate and score as TRL does, without a forward pass for the correction."""
        if not self.share_prompts:
            return super()._generate_and_score_completions(inputs)
        self.vllm_importance_sampling_correction = False
        try:
            return super()._generate_and_score_completions(inputs)
        finally:
            self.vllm_importance_sampling_correction = True

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """Compute TRL's loss, from log-probs that serve the correction as well."""
        if not self.share_prompts:
            return super()._compute_loss(model, inputs)
        ids, mask = (
            torch.cat([inputs[f"prompt_{kind}"], inputs[f"completion_{kind}"]], dim=1)
            for kind in ("ids", "mask")
        )
        completion_mask = inputs["completion_mask"]
        self._scored = self._get_per_token_logps_and_entropies(
            model, ids, mask, completion_mask.shape[1], compute_entropy=True
        )
        ratio = self.correction.ratio(self._scored[0], inputs["sampling_per_token_logps"], completion_mask)
        if (self._step + 1) % self.batches == 0:
            for name, value in self.correction.metrics().items():
                self._metrics["train"][name].append(value)
        try:
            return super()._compute_loss(model, inputs | {"importance_sampling_ratio": ratio})
        finally:
            self._scored = None

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Scored:
        """Compute log-probs as TRL does, with prompts shared if that is less work."""
        if self._scored is not None:
            return self._scored
        causal = self.accelerator.unwrap_model(model).get_base_model()
        theirs = super()._get_per_token_logps_and_entropies
        if not self.share_prompts or not can_share(causal.config, input_ids.shape[1]):
            return theirs(model, input_ids, attention_mask, logits_to_keep, batch_size, **kwargs)
        size = batch_size or len(input_ids)
        logps, entropies = [], []
        for batch in zip(input_ids.split(size), attention_mask.split(size), strict=True):
            packed = pack(*batch, logits_to_keep)
            if is_cheaper(causal.config, batch[0], packed):
                with self.accelerator.autocast():
                    found = shared_logps(model, causal.base_model, packed)
            else:
                found = theirs(model, *batch, logits_to_keep, compute_entropy=True)
            logps.append(found[0])
            entropies.append(found[1])
        return torch.cat(logps), torch.cat(entropies), None
