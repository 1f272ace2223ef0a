"""A step's candidates from the fleet, as TRL asks for them."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from transformers import TrainerState

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from rewriter_agent.io.seeds import request_seed

from .prefetch import Group, Prefetch
from .shared_gpu import SharedGpu
from .weight_sync import publish


class Learner(Protocol):
    """The trainer's facts that sampling depends on; `FleetTrainer` has them."""

    state: TrainerState
    accelerator: Any
    model: Any
    args: Any
    """TRL's arguments of an online method."""

    def prompts(self, step: int) -> list[tuple[str, list[int]]]:
        """Ids and prompts of the problems that the step trains on; none after the last step."""
        ...


class FleetGeneration:
    """What TRL's trainers ask of their `vllm_generation`: to publish weights, and to sample groups under them.

    With prefetch, a step's candidates are sampled under the weights of the step before, while the learner works on it.
    """

    def __init__(self, trainer: Learner, fleet: Fleet, prefetch: Prefetch | None) -> None:
        self.trainer = trainer
        self.fleet = fleet
        self.prefetch = prefetch
        self.gpu = SharedGpu(fleet)
        self.metrics: dict[str, float] = {}
        """Metrics of the step so far."""
        self.logprobs: list[list[float]] = []
        """Log-probs of the newest completions' tokens as they were sampled, one list a row, in nats."""
        self.waited = 0.0
        """Seconds of waiting for prefetched samples after the weights of this step were ready."""

    def sync_weights(self) -> None:
        """Publish the learner's weights as the version of its global step; 0 is the backbone itself."""
        step = self.trainer.state.global_step
        start = time.perf_counter()
        if self.prefetch is not None:
            self.prefetch.wait_until_idle()
        waited = time.perf_counter()
        self.gpu.for_engines()
        if step > self.fleet.version:
            model = self.trainer.accelerator.unwrap_model(self.trainer.model)
            assert self.trainer.args.output_dir
            publish(self.fleet, step, model, Path(self.trainer.args.output_dir))
            self.metrics["perf/weight_sync_s"] = time.perf_counter() - waited
        self.waited = waited - start

    def generate(
        self,
        prompts: list[list[int]],
        images: None,
        num_generations: int,
        profiler: AbstractContextManager[Any] | None = None,
    ) -> tuple[list[list[int]], list[list[int]], list[list[list[float]]], None]:
        """Sample one completion a row; rows come as `num_generations` copies of each prompt.

        Returns prompt ids, completion ids, log-probs (one-element lists a token) and no images.
        """
        step = self.trainer.state.global_step
        # A trainer that resumes from a checkpoint of step 0 still samples from the backbone.
        assert self.fleet.version == step, f"engines serve {self.fleet.version}, the learner is at {step}"
        start = time.perf_counter()
        self.gpu.for_engines()
        with profiler or nullcontext():
            completions = self._completions(step, prompts)
        self.metrics["perf/rollout_wait_s"] = self.waited + time.perf_counter() - start
        staleness = [step - completion.version for completion in completions]
        self.metrics["sample/staleness_mean"] = fmean(staleness)
        self.metrics["sample/staleness_max"] = float(max(staleness))
        self.logprobs = [completion.logprobs for completion in completions]
        in_lists = [[[logprob] for logprob in logprobs] for logprobs in self.logprobs]
        return prompts, [completion.token_ids for completion in completions], in_lists, None

    def take_metrics(self) -> dict[str, float]:
        """Return the metrics of a step, and start those of the next."""
        taken, self.metrics = self.metrics, {}
        return taken

    def _completions(self, step: int, prompts: list[list[int]]) -> list[Completion]:
        if self.prefetch is None:
            return self.fleet.generate(self._requests(step, prompts))
        for following in (step, step + 1):
            if not self.prefetch.begun(following):
                self.prefetch.begin(following, self._groups(following))
        return self.prefetch.completions(step)

    def _groups(self, step: int) -> list[Group]:
        assert self.prefetch is not None
        prompts, size = self.trainer.prompts(step), self.trainer.args.num_generations
        assert size
        requests = self._requests(step, [prompt for _, prompt in prompts for _ in range(size)])
        return [
            (self.prefetch.problems[name], requests[i * size : (i + 1) * size])
            for i, (name, _) in enumerate(prompts)
        ]

    def _requests(self, step: int, prompts: Sequence[list[int]]) -> list[GenerateRequest]:
        args = self.trainer.args
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
