"""TRL's GRPOTrainer with the fleet in place of its own vLLM."""

from pathlib import Path
from typing import Any

from datasets import Dataset
from trl.trainer.utils import RepeatSampler

from cluster.fleet.fleet import Fleet
from cluster.fleet.status import FleetMetrics
from rewriter_agent.compat.trl import use_engines
from rewriter_agent.data.prompts import Messages
from rewriter_agent.tracking.tables import log_completions

from .prefetch import Prefetch
from .rollouts import FleetGeneration
from .schedule import Schedule
from .shared_prefix_trainer import SharedPrefixGRPOTrainer

PROMPT_IDS = "prompt_ids"
"""Column of the training data with the encoded prompt."""


class FleetGRPOTrainer(SharedPrefixGRPOTrainer):
    """GRPOTrainer that samples from a fleet and corrects for the engines' log-probs."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        scorers: Fleet | None,
        prefetch: Prefetch | None = None,
        table_rows: int = 0,
        **kwargs: Any,
    ) -> None:
        """Sample from `fleet`; metrics of it and of the `scorers`, if there are any, are logged with each step.

        `table_rows` is how many of a step's completions go to the W&B run of this process; TRL logs all.
        """
        super().__init__(**kwargs)
        self.table_rows = table_rows
        self.fleet_metrics = {each.name: FleetMetrics(each.status) for each in (fleet, scorers) if each}
        self.generation = FleetGeneration(self, fleet, prefetch)
        use_engines(self, self.generation)
        self.schedule: Schedule | None = None
        self._rows: list[dict[str, Any]] = []

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Keep the step's rows for `_tokenize_prompts`, to which TRL passes the messages alone."""
        self._rows = inputs
        return super()._generate_and_score_completions(inputs)

    def _tokenize_prompts(self, prompts: list[Messages]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Return the prompts as `prepare` has encoded them."""
        assert len(prompts) == len(self._rows)
        return [row[PROMPT_IDS] for row in self._rows], None, {}

    def prompts(self, step: int) -> list[tuple[str, list[int]]]:
        """Ids and prompts of the problems that the step is trained on; empty after the last step."""
        assert self.schedule is not None
        assert isinstance(self.train_dataset, Dataset)
        places = self.schedule.problems(step * self.args.gradient_accumulation_steps)
        rows = [self.train_dataset[place] for place in places]
        return [(row["problem_id"], row[PROMPT_IDS]) for row in rows]

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
        """Log like TRL, which has written the completions by then. The summary at the end has none of its own."""
        is_step = "loss" in logs
        if is_step:
            logs = logs | self.generation.take_metrics()
            logs = logs | {
                f"fleet/{fleet}/{name}": value
                for fleet, metrics in self.fleet_metrics.items()
                for name, value in metrics().items()
            }
        super().log(logs, start_time)
        if self.table_rows and is_step:
            assert self.args.output_dir
            log_completions(Path(self.args.output_dir), self.state.global_step, self.table_rows)
