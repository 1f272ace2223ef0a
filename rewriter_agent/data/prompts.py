"""The two prompts: the question alone (for SFT and evaluation) and the rewriting prompt."""

from functools import lru_cache

from reward.answers.mask.mask import MASK, mask_answer

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
    question: str,
    solution: str,
    answer: str,
    convention: str,
    system_prompt: str | None = None,
    *,
    show_answer: bool = True,
) -> Messages:
    """The rewriting policy's prompt: the question and the expert's solution, to be told in own words.

    It states the last line wanted: small backbones rarely keep an answer format that is only described. With
    `show_answer=False` the answer is masked in the solution, and the last line is only described.
    """
    masked = None if show_answer else _masked(question, solution, answer, convention)
    ending = _ending(answer, convention) if masked is None else ANSWER_FORMAT[convention]
    return user_messages(
        f"{question}\n\nNotes:\n{solution if masked is None else masked}\n\n"
        f"Answer the question in your own words. Use short steps. {ending}",
        system_prompt,
    )


def prompt_form(convention: str, *, show_answer: bool) -> str:
    """Describe the rewriting prompt in one line."""
    if show_answer or convention in ("contains", "python"):
        return f"the expert's solution as it is; {_ending('ANSWER', convention)!r}"
    return f"the expert's solution with its answer masked ({MASK}); {ANSWER_FORMAT[convention]!r}"


def user_messages(content: str, system_prompt: str | None = None) -> Messages:
    """Build the messages: the system prompt if there is one, then the request."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": content}]


_masked = lru_cache(maxsize=4096)(mask_answer)


def _ending(answer: str, convention: str) -> str:
    if convention == "python":  # The gold answer of a program is its tests.
        return ANSWER_FORMAT["python"]
    if convention == "contains":
        return f"Include these words: {answer}"
    line = ANSWER_LINE[convention].format(answer=answer)
    return f"End with this:\n{line}" if "\n" in line else f"End with this last line: {line}"
