"""TRL's SFTTrainer with a weight for each completion token."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch import Tensor, nn

from sft.compat.trl import ExtraColumnsTrainer
from sft.config.weights import ASFTWeight, PriorWeight, Weight
from sft.data.collator import SFTCollator
from sft.loss.forward import Completions, fused_completions, mass_above, referenced_completions
from sft.loss.probe import Probe
from sft.loss.statistics import WeightSums, weight_statistics
from sft.loss.weights import TokenBatch, TokenWeights, weights_by_rule

WEIGHT_COLUMNS = ("behavior_logprobs", "prior_logprobs", "outcome", "row")
EXTRA_COLUMNS = (*WEIGHT_COLUMNS, "attended")
"""Tensors of a batch that are not arguments of the model."""


class WeightedSFTTrainer(ExtraColumnsTrainer):
    """Minimises `-sum_t w_t log pi_theta(y_t) / N` with `w` under stop-gradient, plus under `asft`
    `beta sum_t KL(pi_ref || pi_theta) / N`.

    N counts the completion tokens of the whole optimizer step, over ranks and accumulation steps: every token has the
    same influence. Takes SFTTrainer's arguments. The dataset has to come from `to_dataset`, the collator has to be an
    SFTCollator, and `args` must skip TRL's dataset preparation.

    `rules` maps each outcome to its rule, in the order of the dataset's `outcomes`. `reference` is the frozen model
    that `asft` and a nucleus of `prior` need unless an adapter is trained. `probe_rows` are the backbone's own answers.

    Logs next to `loss`, over all tokens since the last log: `unweighted_loss` (also by outcome, as
    `unweighted_loss/<outcome>`), `ess`, `clip_fraction`, `mask_fraction`, `ratio_mean`, `ratio_max`,
    `mean_token_accuracy`, `num_tokens` and `tokens_per_second`. With a probe, also `probe/kl`: KL(pi_0 || pi_theta) in
    nats per token, every `probe_steps` steps and at the end.
    """

    extra_columns = EXTRA_COLUMNS

    def __init__(
        self,
        *args: Any,
        rules: Mapping[str, Weight],
        reference: nn.Module | None = None,
        probe_rows: Sequence[Mapping[str, Any]] = (),
        probe_steps: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.aux_loss_enabled:
            raise ValueError(
                "the model has a mixture-of-experts auxiliary loss, which the weighted loss does not "
                "include; set router_aux_loss_coef to 0.0 in the training arguments"
            )
        if not self.args.average_tokens_across_devices:
            raise ValueError("average_tokens_across_devices is False; the weighted loss needs True")
        self.outcomes, self.rules = list(rules), list(rules.values())
        self.betas = torch.tensor([r.beta if isinstance(r, ASFTWeight) else 0.0 for r in self.rules])
        self.anchored = bool(self.betas.any())
        self.has_nucleus = any(isinstance(rule, PriorWeight) and rule.needs_reference for rule in self.rules)
        self.reference = reference
        needed = any(rule.needs_reference for rule in self.rules)
        assert not needed or reference is not None or is_peft_model(self.model), "a rule needs a reference"
        self.probe = Probe(
            probe_rows,
            SFTCollator(pad_token_id=0),
            self.args.per_device_train_batch_size,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        self.probe_steps = probe_steps
        # Only if the forward method of the model accepts `num_items_in_batch` does transformers compute it, and not
        # divide the loss by the accumulation steps. Here `compute_loss` normalises, whatever the model accepts.
        self.model_accepts_loss_kwargs = True
        self._num_tokens = 0
        self._reset_window()

    def restore_token_count(self, log_history: Sequence[Mapping[str, float]]) -> None:
        """Continue the token count of a checkpoint's log; checkpoints do not have it."""
        self._num_tokens = max((line.get("num_tokens", 0) for line in log_history), default=0)

    def _reset_window(self) -> None:
        device = self.args.device
        self._weight_sums = WeightSums.zeros(device)
        self._nll_sum, self._num_correct, self._num_attended = torch.zeros(
            3, dtype=torch.float64, device=device
        )
        # Rows: sum of negative log-likelihoods, number of tokens. Columns: outcomes.
        self._by_outcome = torch.zeros(2, len(self.rules), dtype=torch.float64, device=device)
        self._window_start: float | None = None

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run TRL's step; the first step of a logging window starts its clock."""
        self._window_start = self._window_start or time.perf_counter()
        return super().training_step(*args, **kwargs)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Weighted loss of a batch of SFTCollator, a scalar that is scaled for averaging over ranks."""
        model_inputs = {name: tensor for name, tensor in inputs.items() if name not in EXTRA_COLUMNS}
        completions, outputs = self._forward(model, model_inputs)
        # Drop the first position, which has no prediction; under sequence parallelism columns are already shifted.
        length = completions.logprobs.shape[1]
        behavior_logprobs, prior_logprobs, outcome, rows = (
            inputs[name][:, -length:] for name in WEIGHT_COLUMNS
        )
        tokens = TokenBatch(
            logprobs=completions.logprobs.detach(),
            behavior_logprobs=behavior_logprobs,
            prior_logprobs=prior_logprobs,
            entropies=completions.entropies,
            mask=completions.mask,
            rows=rows,
            prior_above=mass_above(self._frozen(model), model_inputs) if self.has_nucleus else None,
        )
        values = weights_by_rule(self.rules, outcome, tokens)
        losses = -values.weights * completions.logprobs
        if completions.divergences is not None:
            losses = losses + self.betas.to(outcome.device)[outcome] * completions.divergences
        total = losses.masked_fill(~completions.mask, 0).sum()
        if num_items_in_batch is None:
            loss = total / completions.mask.sum()
        else:
            # Gradients are averaged over ranks, but num_items_in_batch counts the tokens of all ranks.
            loss = total * self.accelerator.num_processes / num_items_in_batch
        if model.training:
            self._add_to_window(values, completions, outcome, inputs["attended"].sum())
        return (loss, outputs) if return_outputs else loss

    def _forward(self, model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Completions, Any]:
        if not self.anchored:
            return fused_completions(model, inputs)
        return referenced_completions(model, self._frozen(model), inputs)

    def _frozen(self, model: nn.Module) -> Callable[..., Any]:
        """Forward pass of the initial model; with an adapter in training, of the model without it."""
        if self.reference is not None:
            return self.reference

        def forward(**inputs: Any) -> Any:
            with self.accelerator.unwrap_model(model).disable_adapter():
                return model(**inputs)

        return forward

    @torch.no_grad()
    def _add_to_window(
        self, values: TokenWeights, completions: Completions, outcome: Tensor, attended: Tensor
    ) -> None:
        nll = -completions.logprobs.double().masked_fill(~completions.mask, 0)
        self._weight_sums = self._weight_sums + WeightSums.of(values, completions.mask)
        self._nll_sum = self._nll_sum + nll.sum()
        self._num_correct = self._num_correct + completions.is_top1.double().sum()
        self._num_attended = self._num_attended + attended
        by_token = torch.stack([nll.flatten(), completions.mask.double().flatten()])
        self._by_outcome.index_add_(1, outcome.flatten(), by_token)

    def _drain_window(self) -> dict[str, float]:
        """Return metrics over all ranks since the last call, empty without tokens. All ranks must call it."""
        totals = torch.stack([self._nll_sum, self._num_correct, self._num_attended])
        weights = self._weight_sums.stack()
        per_rank = self.accelerator.gather(torch.cat([weights, totals, self._by_outcome.flatten()])[None])
        # Measured after the gather, which waits for the device and the slowest rank.
        seconds = time.perf_counter() - (self._window_start or 0.0)
        self._reset_window()
        n = len(weights)
        sums = WeightSums(*per_rank[:, : n - 1].sum(0), ratio_max=per_rank[:, n - 1].max())
        nll_sum, num_correct, num_attended = per_rank[:, n : n + 3].sum(0)
        if sums.tokens == 0:
            return {}
        self._num_tokens += int(num_attended)
        nll, count = per_rank[:, n + 3 :].sum(0).view(2, -1)
        by_outcome = {
            f"unweighted_loss/{name}": (nll[i] / count[i]).item()
            for i, name in enumerate(self.outcomes)
            if count[i] > 0
        }
        return {
            "unweighted_loss": (nll_sum / sums.tokens).item(),
            **by_outcome,
            **weight_statistics(sums),
            "mean_token_accuracy": (num_correct / sums.tokens).item(),
            "num_tokens": self._num_tokens,
            "tokens_per_second": num_attended.item() / seconds,
        }

    def _probe_due(self) -> bool:
        step, every = self.state.global_step, self.probe_steps
        return step >= self.state.max_steps or step // every > (step - self.state.logging_steps) // every

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log with the metrics of the window and of the probe added. All ranks must call it."""
        logs.update(self._drain_window())
        # The summary at the end of training has no loss; its metrics were logged with the last step.
        if self.probe.batches and "loss" in logs and self._probe_due():
            assert self.model_wrapped is not None
            sums = self.probe.sums(self.model_wrapped, self.args.device)
            total, tokens = self.accelerator.gather(sums[None]).sum(0)
            logs["probe/kl"] = (total / tokens).item()
        super().log(logs, start_time)
