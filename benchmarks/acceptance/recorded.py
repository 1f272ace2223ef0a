"""The learner without engines: candidates and their log-probs are recorded."""

from collections.abc import Sequence
from typing import Any

from rewriter_agent.compat.trl import use_engines
from rewriter_agent.train.shared_prefix_trainer import SharedPrefixGRPOTrainer

Text = tuple[list[int], list[int]]
"""Ids of a prompt and of a completion."""


class RecordedTrainer(SharedPrefixGRPOTrainer):
    """GRPO whose candidates of a problem are recorded texts, cut at different lengths."""

    def __init__(
        self,
        *,
        texts: Sequence[Text],
        logprobs: Sequence[Sequence[float]],
        rewards: Sequence[float],
        **kwargs: Any,
    ) -> None:
        """`rewards` are those of the candidates of each problem, in order."""
        self.texts, self.recorded = texts, logprobs
        self.group = len(rewards)
        super().__init__(reward_funcs=[_Rewards(rewards)], **kwargs)
        use_engines(self, self)

    def sync_weights(self) -> None:
        """Publish to no engine."""

    def generate(
        self, prompts: Sequence[Any], images: None, num_generations: int, profiler: Any = None
    ) -> tuple[list[list[int]], list[list[int]], list[list[list[float]]], None]:
        """Return the recorded candidates of the rows' problems."""
        ids, logprobs = [], []
        for row, problem in enumerate(self._problems):
            length = len(self.texts[problem][1]) - row % self.group
            ids.append(self.texts[problem][1][:length])
            logprobs.append([[value] for value in self.recorded[problem][:length]])
        return list(prompts), ids, logprobs, None

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        """Keep the problems of the step's rows for `generate`."""
        self._problems = [int(row["prompt"]) for row in inputs]
        return super()._generate_and_score_completions(inputs)

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Return the recorded prompts; a row's text is the number of its problem."""
        return [self.texts[int(prompt)][0] for prompt in prompts], None, {}


class _Rewards:
    __name__ = "recorded"

    def __init__(self, rewards: Sequence[float]) -> None:
        self.rewards = rewards

    def __call__(self, completion_ids: Sequence[Any], **_: Any) -> list[float]:
        return [self.rewards[row % len(self.rewards)] for row in range(len(completion_ids))]
