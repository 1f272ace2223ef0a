"""Policies that the learner trains: the rewriter, and the student itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reward import RewardConfig
from rewriter_agent.config import RunConfig
from rewriter_agent.data.problem import EncodedProblem, Problem
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.data.prompts import Messages


@dataclass(frozen=True)
class Policy:
    """A policy: the prompt that it writes from, and the reward or the teacher of what it writes."""

    prompt_ids: Callable[[EncodedProblem], Sequence[int]]
    """Prompt of a problem, as `prepare` has encoded it."""
    messages: Callable[[Tokens, Problem], Messages]
    """The same prompt as messages."""
    reward: Callable[[RewardConfig], RewardConfig | None]
    """Reward of the policy, from the section of the config; None if it learns from a teacher."""
    is_measured: bool = False
    """Whether the backbone measures what passes the gate, even if the reward does not need it."""
    teacher_ids: Callable[[EncodedProblem], Sequence[int]] = lambda problem: ()
    """Prompt of the teacher, which the learner itself computes; empty if there is none."""

    def asks_backbone(self, reward: RewardConfig) -> bool:
        """Tell whether training with this section `reward` needs engines that serve the frozen backbone."""
        own = self.reward(reward)
        return self.is_measured or (own is not None and own.needs_backbone)

    def asks_encoder(self, reward: RewardConfig) -> bool:
        """Tell whether training with this section `reward` needs embeddings."""
        own = self.reward(reward)
        return own is not None and own.needs_embeddings


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
)
DISTILLED_STUDENT = Policy(
    prompt_ids=lambda problem: problem.prompt_ids,
    messages=Tokens.question_messages,
    reward=lambda reward: None,
    teacher_ids=lambda problem: problem.rewriting_prompt_ids,
)


def policy_of(config: RunConfig) -> Policy:
    """Return the policy that a run of this config trains, if it trains one."""
    return {"grpo": STUDENT, "sdft": DISTILLED_STUDENT}.get(config.method, REWRITER)
