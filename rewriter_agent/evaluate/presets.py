"""Formats of prompts: the model's own chat template, or a raw-text preset that others report with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from rewriter_agent.config import RunConfig
from rewriter_agent.config.evaluate import PromptName
from rewriter_agent.config.prompts import AUTO
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import encode_question
from rewriter_agent.data.text_encoder import text_encoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BOXED_REQUEST = "Please reason step by step, and put your final answer within \\boxed{}."


@dataclass(frozen=True)
class Preset:
    """A prompt as text, which asks for a boxed answer."""

    before: str
    after: str
    stops: tuple[str, ...]
    """Strings that begin another turn: the answer ends before the first of them."""


PRESETS: dict[PromptName, Preset] = {
    "qwen-boxed": Preset(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        f"\n{BOXED_REQUEST}<|im_end|>\n<|im_start|>assistant\n",
        ("<|im_end|>", "<|endoftext|>", "<|im_start|>"),
    ),
    "llama-base-boxed": Preset("Question: ", f"\n{BOXED_REQUEST}\nAnswer:", ("\nQuestion:",)),
    "deepseek-math": Preset("User: ", f"\n{BOXED_REQUEST}\n\nAssistant:", ("\nUser:",)),
}
"""The names, and for `qwen-boxed` and `deepseek-math` the texts, come from the Qwen2.5-Math evaluation that the seed
papers report with."""


@dataclass(frozen=True)
class PromptFormat:
    """Turns problems into prompts, and completions into answers."""

    tokenizer: PreTrainedTokenizerBase
    name: PromptName
    system_prompt: str | None = None
    answer_format: str = AUTO
    """Text after the question in a chat (`prompts.answer_format`); a preset has its own."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, config: RunConfig) -> PromptFormat:
        """Format that the evaluations of a run use."""
        system_prompt, answer_format = config.model.system_prompt, config.prompts.answer_format
        return cls(tokenizer, config.evaluate.prompt, system_prompt, answer_format)

    def prompt_ids(self, problem: Problem) -> list[int]:
        """The prompt's tokens; a preset's as its evaluation makes them, with the tokenizer's own special tokens."""
        if self.name == "chat":
            return encode_question(self.tokenizer, problem, self.system_prompt, self.answer_format)
        preset = PRESETS[self.name]
        encoder = text_encoder(self.tokenizer)
        question = encoder.control.guarded(problem.question.strip())
        return encoder.encode(f"{preset.before}{question}{preset.after}", add_special_tokens=True)

    def convention(self, problem: Problem) -> str:
        """How the prompt asks for the answer."""
        return problem.convention if self.name == "chat" else "boxed"

    def answer(self, token_ids: Sequence[int]) -> tuple[str, bool]:
        """Decode a completion up to the start of another turn, and tell whether there is one."""
        if self.name == "chat":
            encoder = text_encoder(self.tokenizer)
            return encoder.opening + encoder.decode(token_ids), False
        # A base model continues after the special token that ends a turn.
        text = cast("str", self.tokenizer.decode(list(token_ids)))
        ends = [text.index(stop) for stop in PRESETS[self.name].stops if stop in text]
        text = text[: min(ends)] if ends else text
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, "")
        return text, bool(ends)
