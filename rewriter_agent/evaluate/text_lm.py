"""lm-evaluation-harness models that encode a data set's items as text, without control tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval.api.model import TemplateLM

from rewriter_agent.data.text_encoder import TextEncoder, text_encoder
from rewriter_agent.models.chat_template import TEMPLATE_ERRORS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TextLM(TemplateLM):
    """An lm-eval model that encodes items as text."""

    tokenizer: PreTrainedTokenizerBase
    renders = False
    """Whether prompts come from the chat template, with guards in the items' own strings."""

    @property
    def encoder(self) -> TextEncoder:
        """Encoder of the model's tokenizer."""
        return text_encoder(self.tokenizer)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The prompt text under the model's own chat template, with guards.

        As lm-eval's models do, it leaves a task's system message out if the template takes none.
        """
        self.renders = True
        try:
            return self.encoder.chat_text(chat_history, add_generation_prompt)
        except TEMPLATE_ERRORS:
            others = [message for message in chat_history if message["role"] != "system"]
            return self.encoder.chat_text(others, add_generation_prompt)

    def tok_encode(
        self,
        string: str,
        add_special_tokens: bool | None = None,
        left_truncate_len: int | None = None,
        **_: object,
    ) -> list[int]:
        """The last `left_truncate_len` token ids; without a flag, the tokenizer's own special tokens but never a
        second BOS."""
        string = self.guarded_prompt(string)
        if add_special_tokens is None:
            bos = self.tokenizer.bos_token
            add_special_tokens = not (bos and string.startswith(bos))
        return self.encoder.encode(string, add_special_tokens)[-(left_truncate_len or 0) :]

    def guarded_prompt(self, prompt: str) -> str:
        """A prompt with guards: one that no template has rendered is an item's own from end to end."""
        return prompt if self.renders else self.encoder.control.guarded(prompt)

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        return super()._encode_pair(context, self.encoder.control.guarded(continuation))
