"""What TRL's trainers of online methods need to sample from a fleet."""

from typing import Any, ClassVar

from datasets import Dataset
from transformers import Trainer
from trl.trainer.utils import RepeatSampler

from cluster.fleet.fleet import Fleet
from cluster.fleet.status import FleetMetrics
from rewriter_agent.compat.trl import use_engines

from .prefetch import Prefetch
from .rollouts import FleetGeneration
from .schedule import Schedule


class FleetTrainer(Trainer):
    """Part of a trainer that samples from a fleet; a subclass names it before TRL's trainer."""

    prompt_ids: ClassVar[str]
    """Column of the training data with the encoded prompts."""
    generation: FleetGeneration
    schedule: Schedule | None = None

    def sample_from(
        self, fleet: Fleet, others: tuple[Fleet, ...] = (), prefetch: Prefetch | None = None
    ) -> None:
        """Sample from `fleet`; metrics of it and of the `others` are logged with each step.

        Call it at the end of the construction.
        """
        self.fleet_metrics = {each.name: FleetMetrics(each.status) for each in (fleet, *others)}
        self.generation = FleetGeneration(self, fleet, prefetch)
        use_engines(self, self.generation)

    def prompts(self, step: int) -> list[tuple[str, list[int]]]:
        """Ids and prompts of the problems that the step is trained on; empty after the last step."""
        assert self.schedule is not None
        assert isinstance(self.train_dataset, Dataset)
        places = self.schedule.problems(step * self.args.gradient_accumulation_steps)
        rows = [self.train_dataset[place] for place in places]
        return [(row["problem_id"], row[self.prompt_ids]) for row in rows]

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Schedule:
        options: Any = self.args
        sampler = super()._get_train_sampler(*args, **kwargs)
        assert isinstance(sampler, RepeatSampler)
        self.schedule = Schedule(
            sampler,
            batches=options.max_steps * options.gradient_accumulation_steps,
            batch_size=self._train_batch_size * options.steps_per_generation,
            group=options.num_generations,
        )
        return self.schedule

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss, after the engines have freed a GPU that they share with the learner."""
        self.generation.gpu.for_learner()
        return super().compute_loss(*args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log like TRL, with the metrics of the engines. The summary at the end has none."""
        if "loss" in logs:
            logs = logs | self.generation.take_metrics()
            logs = logs | {
                f"fleet/{fleet}/{name}": value
                for fleet, metrics in self.fleet_metrics.items()
                for name, value in metrics().items()
            }
        super().log(logs, start_time)
