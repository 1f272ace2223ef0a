"""The two prompts: the question alone (what SFT and evaluation use) and the rewriting prompt."""

ANSWER_FORMAT = {
    "####": "End with a last line of the form: #### answer",
    "boxed": "End with the final answer inside \\boxed{}.",
    "plain": "End with a last line of the form: The answer is X.",
    "choice": "End with a last line of the form: The answer is (X).",
}

ANSWER_LINE = {
    "####": "#### {answer}",
    "boxed": "\\boxed{{{answer}}}",
    "plain": "The answer is {answer}.",
    "choice": "The answer is ({answer}).",
}

Messages = list[dict[str, str]]


def qa_messages(question: str, convention: str, system_prompt: str | None = None) -> Messages:
    """The question as SFT trains on it, evaluation asks it and the backbone's log-probs condition on it."""
    return _messages(f"{question}\n\n{ANSWER_FORMAT[convention]}", system_prompt)


def rewrite_messages(
    question: str, solution: str, answer: str, convention: str, system_prompt: str | None = None
) -> Messages:
    """The rewriting policy's prompt: the question and the expert's solution, to be told in own words.

    It states the last line wanted: small backbones rarely keep an answer format that is only described.
    """
    ending = ANSWER_LINE[convention].format(answer=answer)
    return _messages(
        f"{question}\n\nNotes:\n{solution}\n\n"
        f"Answer the question in your own words. Use short steps. End with this last line: {ending}",
        system_prompt,
    )


def _messages(content: str, system_prompt: str | None) -> Messages:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": content}]
