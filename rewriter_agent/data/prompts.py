"""The two prompts: the question alone (for SFT and evaluation) and the rewriting prompt."""

ANSWER_FORMAT = {
    "####": "End with a last line of the form: #### answer",
    "boxed": "End with the final answer inside \\boxed{}.",
    "answer_is": "End with a last line of the form: The answer is X.",
    "plain": "End with a last line of the form: The answer is X.",
    "choice": "End with a last line of the form: The answer is (X).",
    "text": "Answer in a few words, in a last line of the form: The answer is X.",
    "contains": "Answer in one sentence.",
    "json": "End with the answer as JSON in a code block that begins with ```json.",
    "python": "End with the whole program in a code block that begins with ```python.",
}
"""Instruction on the form of the answer under each convention."""

ANSWER_LINE = {
    "####": "#### {answer}",
    "boxed": "\\boxed{{{answer}}}",
    "answer_is": "The answer is {answer}.",
    "plain": "The answer is {answer}.",
    "choice": "The answer is ({answer}).",
    "text": "The answer is {answer}.",
    "contains": "{answer}",
    "json": "```json\n{answer}\n```",
    "python": "```python\n{answer}\n```",
}
"""Statement of the answer under each convention."""

Messages = list[dict[str, str]]


def qa_messages(question: str, convention: str, system_prompt: str | None = None) -> Messages:
    """Format the question for SFT, for evaluation and for the backbone's log-probs."""
    return user_messages(f"{question}\n\n{ANSWER_FORMAT[convention]}", system_prompt)


def rewrite_messages(
    question: str, solution: str, answer: str, convention: str, system_prompt: str | None = None
) -> Messages:
    """The rewriting policy's prompt: the question and the expert's solution, to be told in own words.

    It states the last line wanted: small backbones rarely keep an answer format that is only described.
    """
    return user_messages(
        f"{question}\n\nNotes:\n{solution}\n\n"
        f"Answer the question in your own words. Use short steps. {_ending(answer, convention)}",
        system_prompt,
    )


def user_messages(content: str, system_prompt: str | None = None) -> Messages:
    """Build the messages: the system prompt if there is one, then the request."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": content}]


def _ending(answer: str, convention: str) -> str:
    if convention == "python":  # The gold answer of a program is its tests.
        return ANSWER_FORMAT["python"]
    if convention == "contains":
        return f"Include these words: {answer}"
    line = ANSWER_LINE[convention].format(answer=answer)
    return f"End with this:\n{line}" if "\n" in line else f"End with this last line: {line}"
