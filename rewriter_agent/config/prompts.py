"""The `prompts` section: what the rewriting prompt shows."""

from .base import Strict


class PromptsConfig(Strict):
    """The prompt that rewrites are written from."""

    show_answer: bool = True
    """Show the final answer in the rewriting prompt, in the expert's solution and as the last line to end with. False
    masks it in the solution and names only the form of the last line, so that a right answer was derived. Without
    effect if the solution is the answer itself: `contains`, `python`, and JSON without other text."""
