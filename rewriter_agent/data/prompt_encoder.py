"""Texts to the token ids that engines, trainers and scorers share."""

from collections.abc import Sequence
from typing import Any

from .problem import Problem
from .prompts import Messages, qa_messages, rewrite_messages
from .text_encoder import text_encoder


class Tokens:
    """A backbone's tokenizer with the run's prompts."""

    def __init__(self, tokenizer: Any, system_prompt: str | None) -> None:
        self.tokenizer = tokenizer
        self.system_prompt = system_prompt

    def question(self, problem: Problem) -> list[int]:
        """The QA prompt: what SFT trains on and the backbone's log-probs condition on."""
        return self.prompt(qa_messages(problem.question, problem.convention, self.system_prompt))

    def rewriting(self, problem: Problem) -> list[int]:
        """The policy's prompt."""
        return self.prompt(self.rewrite_messages(problem))

    def rewrite_messages(self, problem: Problem) -> Messages:
        """The policy's prompt as messages."""
        return rewrite_messages(
            problem.question, problem.solution, problem.answer, problem.convention, self.system_prompt
        )

    def expert(self, problem: Problem) -> list[int]:
        """The expert solution as a completion, EOS included."""
        return [*text_encoder(self.tokenizer).completion(problem.solution), self.tokenizer.eos_token_id]

    def prompt(self, messages: Messages) -> list[int]:
        """Messages under the chat template, up to where the assistant begins."""
        return text_encoder(self.tokenizer).chat(messages)

    def has_control_tokens(self, ids: Sequence[int]) -> bool:
        """Whether a completion holds control tokens before its last one, which `text` leaves out."""
        return not text_encoder(self.tokenizer).control.ids.isdisjoint(ids[:-1])

    def text(self, ids: list[int]) -> str:
        """A completion as text, special tokens left out."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)
