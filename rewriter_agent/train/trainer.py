"""TRL's GRPOTrainer with the fleet where its own vLLM would be."""

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import RepeatSampler, split_tensor_dict

from cluster.fleet import Fleet
from cluster.status import FleetMetrics

from ..tracking.tables import log_completions
from .ahead import Ahead
from .generation import FleetGeneration
from .schedule import Schedule
from .shared_prompt import can_share, pack, pays, shared_logps


class FleetGRPOTrainer(GRPOTrainer):
    """GRPOTrainer that samples from a fleet and corrects for the engines' log-probs."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        scorers: Fleet,
        ahead: Ahead | None = None,
        table_rows: int = 0,
        share_prompts: bool = True,
        **kwargs: Any,
    ) -> None:
        """`fleet` samples; what it and the `scorers` do is logged with each step.

        `table_rows` is how many of a step's completions go to the W&B run of this process; TRL logs all.
        `share_prompts`: a prompt is computed once for those of its candidates that are in one batch.
        """
        super().__init__(**kwargs)
        self.share_prompts = share_prompts
        self.table_rows = table_rows
        self.fleet_metrics = {each.name: FleetMetrics(each.status) for each in (fleet, scorers)}
        # Set after construction: with use_vllm in the config TRL would start an engine of its own. Its
        # importance-sampling correction is on only where use_vllm is.
        self.use_vllm = True
        self.vllm_generation = FleetGeneration(self, fleet, ahead)
        self._last_loaded_step = -1
        self.schedule: Schedule | None = None

    @property
    def grpo(self) -> GRPOConfig:
        """Its arguments, by their type."""
        assert isinstance(self.args, GRPOConfig)
        return self.args

    def problem_ids(self, step: int) -> list[str]:
        """Of the problems that the step is trained on; none behind the last step."""
        assert self.schedule is not None
        assert isinstance(self.train_dataset, Dataset)
        rows = self.schedule.problems(step * self.args.gradient_accumulation_steps)
        return [self.train_dataset[row]["problem_id"] for row in rows]

    def _get_train_sampler(self, dataset: Dataset | None = None) -> Schedule:
        args = self.grpo
        assert args.num_generations
        assert args.steps_per_generation
        sampler = super()._get_train_sampler(dataset)
        assert isinstance(sampler, RepeatSampler)
        self.schedule = Schedule(
            sampler,
            batches=args.max_steps * args.gradient_accumulation_steps,
            batch_size=self._train_batch_size * args.steps_per_generation,
            group=args.num_generations,
        )
        return self.schedule

    def _prepare_inputs(self, inputs: Any) -> dict[str, Any]:
        """As TRL's, which would shuffle the step's candidates: one problem's are to be in one batch."""
        if not self.share_prompts:
            return super()._prepare_inputs(inputs)
        batches = self.grpo.steps_per_generation
        assert batches
        if self._step % batches == 0 or self._buffered_inputs is None:
            scored = self._generate_and_score_completions(inputs)
            self._buffered_inputs = split_tensor_dict(scored, batches)
        return self._buffered_inputs[self._step % batches]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """As TRL's, (candidates, `logits_to_keep`), with prompts shared where that is less work."""
        causal = self.accelerator.unwrap_model(model).get_base_model()
        theirs = super()._get_per_token_logps_and_entropies
        if not self.share_prompts or not can_share(causal.config, input_ids.shape[1]):
            return theirs(model, input_ids, attention_mask, logits_to_keep, batch_size, **kwargs)
        size = batch_size or len(input_ids)
        logps, entropies = [], []
        for batch in zip(input_ids.split(size), attention_mask.split(size), strict=True):
            packed = pack(*batch, logits_to_keep)
            if pays(causal.config, batch[0], packed):
                with self.accelerator.autocast():
                    found = shared_logps(model, causal.base_model, packed)
            else:
                found = theirs(model, *batch, logits_to_keep, compute_entropy=True)
            logps.append(found[0])
            entropies.append(found[1])
        return torch.cat(logps), torch.cat(entropies), None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL's, which has written the step's completions by then. The summary at the end has none of its own."""
        is_step = "loss" in logs
        if is_step:
            logs = logs | {
                f"fleet/{fleet}/{name}": value
                for fleet, metrics in self.fleet_metrics.items()
                for name, value in metrics().items()
            }
        super().log(logs, start_time)
        if self.table_rows and is_step:
            assert self.args.output_dir
            log_completions(Path(self.args.output_dir), self.state.global_step, self.table_rows)
