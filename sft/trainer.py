"""TRL's SFTTrainer with a weight for each completion token."""

from typing import Any

import torch
from torch import Tensor, nn
from trl import SFTTrainer

from sft.config import Weight
from sft.weights import TokenWeights, WeightSums, token_weights, weight_statistics


class WeightedSFTTrainer(SFTTrainer):
    """Minimises `-sum_t w_t log pi_theta(y_t) / N` with `w` under stop-gradient.

    N counts the completion tokens of the whole optimizer step, over ranks and accumulation steps, so that a
    token counts the same wherever it lands. Takes SFTTrainer's arguments; the dataset has the columns of
    SFTRow and the collator is SFTCollator, so `args` must skip TRL's dataset preparation.

    Logs next to `loss`: `unweighted_loss`, `ess`, `clip_fraction`, `ratio_mean`, `ratio_max`,
    `mean_token_accuracy` and `num_tokens`, each over all tokens since the last log.
    """

    def __init__(self, *args: Any, weight: Weight, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.aux_loss_enabled:
            raise ValueError(
                "the model asks for a mixture-of-experts auxiliary loss, which the weighted loss does not "
                "add; set router_aux_loss_coef to 0.0 in the training arguments"
            )
        if not self.args.average_tokens_across_devices:
            raise ValueError("average_tokens_across_devices is False; the weighted loss needs True")
        self.weight = weight
        # The loss below is normalised over the accumulation window whatever the model's forward accepts.
        self.model_accepts_loss_kwargs = True
        self._reset_window()

    def _reset_window(self) -> None:
        device = self.args.device
        self._weight_sums = WeightSums.zeros(device)
        self._nll_sum, self._num_correct, self._num_attended = torch.zeros(
            3, dtype=torch.float64, device=device
        )

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Weighted loss of a batch of SFTCollator, a scalar scaled for averaging over ranks."""
        behavior_logprobs = inputs["behavior_logprobs"][:, 1:]
        model_inputs = {name: tensor for name, tensor in inputs.items() if name != "behavior_logprobs"}
        # The fused head gives (B, L-1) log-probs, 0 where there is no label, and never holds all logits.
        outputs = model(**model_inputs, use_cache=False, fused_lm_head=True)
        logprobs = outputs.log_probs.float()
        values = token_weights(self.weight, logprobs, behavior_logprobs)
        weighted_nll = -(values.weights * logprobs).masked_fill(~outputs.label_mask, 0).sum()
        if num_items_in_batch is None:
            loss = weighted_nll / outputs.label_mask.sum()
        else:
            # Gradients are averaged over ranks, and num_items_in_batch counts the tokens of all of them.
            loss = weighted_nll * self.accelerator.num_processes / num_items_in_batch
        if model.training:
            self._add_to_window(values, outputs, inputs["attention_mask"])
        return (loss, outputs) if return_outputs else loss

    @torch.no_grad()
    def _add_to_window(self, values: TokenWeights, outputs: Any, attention_mask: Tensor) -> None:
        self._weight_sums = self._weight_sums + WeightSums.of(values, outputs.label_mask)
        self._nll_sum = self._nll_sum - outputs.log_probs.double().sum()
        self._num_correct = self._num_correct + outputs.is_top1.double().sum()
        self._num_attended = self._num_attended + attention_mask.sum()

    def _drain_window(self) -> dict[str, float]:
        """Metrics over all ranks since the last call; empty when no token was seen. Collective."""
        totals = torch.stack([self._nll_sum, self._num_correct, self._num_attended])
        local = torch.cat([self._weight_sums.stack(), totals])
        per_rank = self.accelerator.gather(local[None])
        self._reset_window()
        sums = WeightSums(*per_rank[:, :5].sum(0), ratio_max=per_rank[:, 5].max())
        nll_sum, num_correct, num_attended = per_rank[:, 6:].sum(0)
        if sums.tokens == 0:
            return {}
        self._total_train_tokens += int(num_attended)
        return {
            "unweighted_loss": (nll_sum / sums.tokens).item(),
            **weight_statistics(sums),
            "mean_token_accuracy": (num_correct / sums.tokens).item(),
            "num_tokens": self._total_train_tokens,
        }

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the window's metrics to `logs` and hand them on. Called by every rank."""
        logs.update(self._drain_window())
        super().log(logs, start_time)
