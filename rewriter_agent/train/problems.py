"""Selects the problems that a policy is trained on."""

from collections.abc import Collection, Mapping
from typing import Any

from rewriter_agent.config import RunConfig
from rewriter_agent.config.method import trains_student
from rewriter_agent.config.outcomes import TOO_LONG
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.prepare.held_out import held_out
from rewriter_agent.scoring.group_scorer import AnchoredProblem, prompt_length

from .policy import policy_of


def left_out(
    problems: Mapping[str, AnchoredProblem], chosen: Collection[str], config: RunConfig
) -> list[dict[str, Any]]:
    """Rows of the problems that are not trained on as they are too long: they are neither kept nor held out."""
    out = held_out(config) if trains_student(config.method) else set()
    return [
        {"reason": TOO_LONG, "id": name, "question": problem.question}
        for name, problem in problems.items()
        if name not in chosen and name not in out and not problem.is_kept
    ]


def training_problems(
    problems: Mapping[str, AnchoredProblem], config: RunConfig, tokens: Tokens
) -> dict[str, AnchoredProblem]:
    """Return the problems of which the policy's completions fit the model's context, by id.

    A student is not trained on the problems that it is evaluated on. Replies that are not rewritten are not among them.

    Raises:
        ValueError: none fits.
    """
    policy = policy_of(config)
    reward = policy.reward(config.reward)
    max_prompt_length = config.model.max_model_len - 1 - config.train.max_completion_length

    def fits(problem: AnchoredProblem) -> bool:
        if problem.is_kept:
            return False
        length = prompt_length(policy.prompt_ids(problem), problem, tokens, reward)
        return max(length, len(policy.teacher_ids(problem))) <= max_prompt_length

    out = held_out(config) if trains_student(config.method) else set()
    found = {name: problem for name, problem in problems.items() if name not in out and fits(problem)}
    if not found:
        raise ValueError(
            f"no prompt fits model.max_model_len={config.model.max_model_len} with a completion; raise it, "
            f"or lower train.max_completion_length={config.train.max_completion_length}"
        )
    return found
