"""TRL's GRPOTrainer with the fleet in place of its own vLLM."""

from pathlib import Path
from typing import Any

from cluster.fleet.fleet import Fleet
from rewriter_agent.data.prompts import Messages
from rewriter_agent.tracking.tables import log_completions

from .fleet_trainer import FleetTrainer
from .prefetch import Prefetch
from .shared_prefix_trainer import Scored, SharedPrefixGRPOTrainer

PROMPT_IDS = "prompt_ids"
"""Column of the training data with the encoded prompt."""


class FleetGRPOTrainer(FleetTrainer, SharedPrefixGRPOTrainer):
    """GRPOTrainer that samples from a fleet and corrects for the engines' log-probs."""

    prompt_ids = PROMPT_IDS

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
        self.sample_from(fleet, (scorers,) if scorers else (), prefetch)
        self._rows: list[dict[str, Any]] = []

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Keep the step's rows for `_tokenize_prompts`, to which TRL passes the messages alone."""
        self._rows = inputs
        return super()._generate_and_score_completions(inputs)

    def _tokenize_prompts(self, prompts: list[Messages]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Return the prompts as `prepare` has encoded them."""
        assert len(prompts) == len(self._rows)
        return [row[PROMPT_IDS] for row in self._rows], None, {}

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Scored:
        """Compute log-probs, some of them before the candidates are scored, when engines may hold a shared GPU."""
        self.generation.gpu.for_learner()
        return super()._get_per_token_logps_and_entropies(*args, **kwargs)

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
        """Calculate rewards, for which engines score."""
        self.generation.gpu.for_engines()
        return super()._calculate_rewards(*args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log like TRL, which has written the completions by then. The summary at the end has none of its own."""
        is_step = "loss" in logs
        super().log(logs, start_time)
        if self.table_rows and is_step:
            assert self.args.output_dir
            log_completions(Path(self.args.output_dir), self.state.global_step, self.table_rows)
