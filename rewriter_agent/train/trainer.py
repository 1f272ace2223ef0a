"""TRL's GRPOTrainer with the fleet where its own vLLM would be."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import fmean
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import RepeatSampler

from cluster.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from sft.metrics import LogAgain

from ..seeds import request_seed
from ..tracking.tables import log_completions
from .ahead import Ahead, Group
from .publish import merged_weights
from .schedule import Schedule


class FleetGeneration:
    """What GRPOTrainer asks of its `vllm_generation`: to publish weights, and to sample groups under them.

    Where it works ahead, a step's candidates are sampled under the weights of the step before, while that is learned.
    """

    def __init__(self, trainer: "FleetGRPOTrainer", fleet: Fleet, ahead: Ahead | None) -> None:
        self.trainer = trainer
        self.fleet = fleet
        self.ahead = ahead
        self.waited = 0.0
        """Seconds, for what was still being sampled when the weights of this step were ready."""

    def sync_weights(self) -> None:
        """Publish the learner's weights as the version of its global step; 0 is the backbone itself."""
        step = self.trainer.state.global_step
        start = time.perf_counter()
        if self.ahead is not None:
            self.ahead.settle()
        waited = time.perf_counter()
        if step > self.fleet.version:
            model = self.trainer.accelerator.unwrap_model(self.trainer.model)
            self.fleet.publish(step, merged_weights(model))
            self.trainer._log_metric("perf/weight_sync_s", time.perf_counter() - waited)
        self.waited = waited - start

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
        step = self.trainer.state.global_step
        # A trainer that goes on from a checkpoint of step 0 still samples from the backbone.
        assert self.fleet.version == step, f"engines serve {self.fleet.version}, the learner is at {step}"
        start = time.perf_counter()
        with profiler:
            completions = self._completions(step, prompts)
        self.trainer._log_metric("perf/rollout_wait_s", self.waited + time.perf_counter() - start)
        staleness = [step - completion.version for completion in completions]
        self.trainer._log_metric("sample/staleness_mean", fmean(staleness))
        self.trainer._log_metric("sample/staleness_max", max(staleness))
        logprobs = [[[logprob] for logprob in completion.logprobs] for completion in completions]
        return prompts, [completion.token_ids for completion in completions], logprobs, None

    def _completions(self, step: int, prompts: list[list[int]]) -> list[Completion]:
        if self.ahead is None:
            return self.fleet.generate(self._requests(step, prompts))
        for following in (step, step + 1):
            if not self.ahead.begun(following):
                self.ahead.begin(following, self._groups(following))
        return self.ahead.completions(step)

    def _groups(self, step: int) -> list[Group]:
        assert self.ahead is not None
        problems = [self.ahead.problems[name] for name in self.trainer.problem_ids(step)]
        size, prompt = self.trainer.grpo.num_generations, self.ahead.scorer.tokens.rewriting
        assert size
        requests = self._requests(step, [prompt(problem) for problem in problems for _ in range(size)])
        return [(problem, requests[i * size : (i + 1) * size]) for i, problem in enumerate(problems)]

    def _requests(self, step: int, prompts: Sequence[list[int]]) -> list[GenerateRequest]:
        args = self.trainer.grpo
        assert args.max_completion_length
        return [
            GenerateRequest(
                prompt,
                args.max_completion_length,
                args.temperature,
                request_seed(args.seed, "train", step, row),
            )
            for row, prompt in enumerate(prompts)
        ]


class FleetGRPOTrainer(GRPOTrainer):
    """GRPOTrainer that samples from a fleet and corrects for the engines' log-probs."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        ahead: Ahead | None = None,
        table_rows: int = 0,
        **kwargs: Any,
    ) -> None:
        """`table_rows` is how many of a step's completions go to the W&B run of this process; TRL logs all."""
        super().__init__(**kwargs)
        self.table_rows = table_rows
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
