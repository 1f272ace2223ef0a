"""Policies that the learner trains: the rewriter, and the student itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reward import RewardConfig
from rewriter_agent.config import RunConfig
from rewriter_agent.config.method import trains_student
from rewriter_agent.data.problem import EncodedProblem, Problem
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.data.prompts import Messages


@dataclass(frozen=True)
class Policy:
    """A policy: the prompt that it writes from, and the reward of what it writes."""

    prompt_ids: Callable[[EncodedProblem], Sequence[int]]
    """Prompt of a problem, as `prepare` has encoded it."""
    messages: Callable[[Tokens, Problem], Messages]
    """The same prompt as messages."""
    reward: Callable[[RewardConfig], RewardConfig]
    """Reward of the policy, from the section of the config."""
    is_measured: bool
    """Whether the backbone measures what passes the gate, even if the reward does not need it."""

    def asks_backbone(self, reward: RewardConfig) -> bool:
        """Tell whether training with this section `reward` needs engines that serve the frozen backbone."""
        return self.is_measured or self.reward(reward).needs_backbone


REWRITER = Policy(
    prompt_ids=lambda problem: problem.rewriting_prompt_ids,
    messages=Tokens.rewrite_messages,
    reward=lambda reward: reward,
    is_measured=True,
)
STUDENT = Policy(
    prompt_ids=lambda problem: problem.prompt_ids,
    messages=Tokens.question_messages,
    reward=RewardConfig.gate_alone,
    is_measured=False,
)


def policy_of(config: RunConfig) -> Policy:
    """Return the policy that a run of this config trains, if it trains one."""
    return STUDENT if trains_student(config.method) else REWRITER
