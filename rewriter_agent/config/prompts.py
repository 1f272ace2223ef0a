"""The `prompts` section: what models are asked, and what the rewriting prompt shows."""

from typing import Any, Literal

from pydantic import field_validator

from .base import Strict

AUTO, NONE = "auto", "none"
MATHEMATICS = "mathematics"
"""Name of the default template, the only one that the laboratory's backbone knows."""


class PromptsConfig(Strict):
    """The question as models read it, and the prompt that rewrites are written from."""

    answer_format: str = AUTO
    """Text after each question, so that the answer can be found in a reply. `auto` adds the sentence of
    `data.convention`. `none` adds nothing: the model reads the question character for character. Any other text is
    added in place of that sentence, as it is."""

    rewrite: str = MATHEMATICS
    """Template of the rewriting prompt: `mathematics` or `instructions`, in English or with `-de`, `-es` or `-zh` in
    another language (`mathematics-de`), or the path of a Jinja file of your own."""

    show_answer: bool = True
    """Show the final answer in the rewriting prompt, in the expert's solution and as the last line to end with. False
    masks it in the solution and names only the form of the last line, so that a right answer was derived. Without
    effect if the solution is the answer itself: `contains`, `python`, and JSON without other text."""

    reasoning: Literal["keep", "drop", "write"] = "keep"
    """Treatment of experts without reasoning if the model thinks, that is, reasons in `<think>` before it answers.
    `keep` learns from them as they are, which can teach the model to stop thinking. `drop` leaves their problems out
    and counts them. `write` accepts only rewrites that reason (`reward.requires_reasoning`)."""

    @field_validator("answer_format", mode="before")
    @classmethod
    def _is_a_word_or_a_text(cls, given: Any) -> Any:
        if given is None or (isinstance(given, str) and not given.strip()):
            raise ValueError(
                f"there is no text; write {NONE} to add nothing to the question, or {AUTO} for the sentence of "
                "data.convention"
            )
        if not isinstance(given, str):
            return given
        text = given.strip()
        return text.lower() if text.lower() in (AUTO, NONE) else text
