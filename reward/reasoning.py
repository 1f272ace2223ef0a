"""The parts of a text by a model that thinks: the reasoning in its tags, and the answer after it."""

OPENING, CLOSING = "<think>", "</think>"


def split_reasoning(text: str) -> tuple[str, str]:
    """Split a text into its reasoning and its answer; a text that does not begin with reasoning is all answer.

    Reasoning without an end leaves no answer.
    """
    body = text.lstrip()
    if not body.startswith(OPENING):
        return "", text
    reasoning, _, answer = body[len(OPENING) :].partition(CLOSING)
    return reasoning.strip(), answer.lstrip()


def answer_part(text: str) -> str:
    """The part of a text after its reasoning."""
    return split_reasoning(text)[1]
