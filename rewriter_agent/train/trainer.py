"""TRL's GRPOTrainer with the fleet where its own vLLM would be."""

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from trl import GRPOConfig, GRPOTrainer

from cluster.fleet import Fleet
from cluster.types import GenerateRequest
from sft.metrics import LogAgain

from ..seeds import request_seed
from ..tracking.tables import log_completions
from .publish import merged_weights


class FleetGeneration:
    """What GRPOTrainer asks of its `vllm_generation`: to publish weights, and to sample groups under them."""

    def __init__(self, trainer: GRPOTrainer, fleet: Fleet) -> None:
        self.trainer = trainer
        self.fleet = fleet

    def sync_weights(self) -> None:
        """Publish the learner's weights as the version of its global step; 0 is the backbone itself."""
        step = self.trainer.state.global_step
        if step > self.fleet.version:
            start = time.perf_counter()
            model = self.trainer.accelerator.unwrap_model(self.trainer.model)
            self.fleet.publish(step, merged_weights(model))
            self.trainer._log_metric("perf/weight_sync_s", time.perf_counter() - start)

    def generate(
        self,
        prompts: list[list[int]],
        images: None,
        num_generations: int,
        profiler: AbstractContextManager[Any],
    ) -> tuple[list[list[int]], list[list[int]], list[list[list[float]]], None]:
        """Sample one completion a row; rows come as `num_generations` copies of each prompt.

        Returns prompt ids, completion ids, log-probs (one-element lists a token) and no images.
        """
        args, step = self.trainer.args, self.trainer.state.global_step
        assert isinstance(args, GRPOConfig)
        assert args.max_completion_length
        # A trainer that goes on from a checkpoint of step 0 still samples from the backbone.
        assert self.fleet.version == step, f"engines serve {self.fleet.version}, the learner is at {step}"
        requests = [
            GenerateRequest(
                prompt,
                args.max_completion_length,
                args.temperature,
                request_seed(args.seed, "train", step, row),
            )
            for row, prompt in enumerate(prompts)
        ]
        self.trainer._log_metric("sample/staleness_mean", step - self.fleet.version)
        start = time.perf_counter()
        with profiler:
            completions = self.fleet.generate(requests)
        self.trainer._log_metric("perf/rollout_wait_s", time.perf_counter() - start)
        logprobs = [[[logprob] for logprob in completion.logprobs] for completion in completions]
        return prompts, [completion.token_ids for completion in completions], logprobs, None


class FleetGRPOTrainer(GRPOTrainer):
    """GRPOTrainer that samples from a fleet and corrects for the engines' log-probs."""

    def __init__(self, *, fleet: Fleet, table_rows: int = 0, **kwargs: Any) -> None:
        """`table_rows` is how many of a step's completions go to the W&B run of this process; TRL logs all."""
        super().__init__(**kwargs)
        self.table_rows = table_rows
        # Set after construction: with use_vllm in the config TRL would start an engine of its own. Its
        # importance-sampling correction is on only where use_vllm is.
        self.use_vllm = True
        self.vllm_generation = FleetGeneration(self, fleet)
        self._last_loaded_step = -1

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL's, which has written the step's completions by then. The summary at the end has none of its own."""
        is_step = "loss" in logs
        super().log(logs, start_time)
        if self.table_rows and is_step:
            assert self.args.output_dir
            log_completions(Path(self.args.output_dir), self.state.global_step, self.table_rows)


class LogCompletionsAgain(LogAgain):
    """LogAgain with the table of the step's completions."""

    def __init__(self, folder: Path, table_rows: int) -> None:
        """`folder` is the learner's."""
        super().__init__(folder / "metrics.jsonl")
        self.folder = folder
        self.table_rows = table_rows

    def tell(self, line: dict[str, float]) -> None:
        """Log a step of the learner's metrics, and its table."""
        super().tell(line)
        if self.table_rows:
            log_completions(self.folder, int(line["step"]), self.table_rows)
