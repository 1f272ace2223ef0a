"""The two prompts: the question alone (for SFT and evaluation) and the rewriting prompt."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from reward.answers.mask.mask import MASK, mask_answer
from rewriter_agent.config.prompts import AUTO, MATHEMATICS, NONE, PromptsConfig

from .rewriting_template import RewritingTemplate, load_template

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
    "reference": "",
    "tool_calls": "",
}
"""Instruction on the form of the answer under each convention; empty if it has none."""

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
    "reference": "",
    "tool_calls": "{answer}",
}
"""Statement of the answer under each convention; empty if there is none."""

SELDOM_UNASKED = ("####", "answer_is", "choice", "text")
"""Conventions whose statement models seldom write unless they are asked to."""
PLACEHOLDER = "X"
"""Answer in a line whose answer is not shown."""

Message = dict[str, Any]
Messages = list[Message]
Fields = dict[str, str | bool]


@dataclass(frozen=True)
class Prompts:
    """The section `prompts` with its template read, so that it can be sent to a machine without that file."""

    answer_format: str = AUTO
    template: RewritingTemplate = field(default_factory=lambda: _shipped(MATHEMATICS))
    show_answer: bool = True

    def answer_form(self, convention: str) -> str:
        """Sentence on the form of the answer: the user's own, or the convention's."""
        return ANSWER_FORMAT[convention] if self.answer_format in (AUTO, NONE) else self.answer_format

    def record(self) -> dict[str, str | bool]:
        """Entries that tell prompts apart, without a path."""
        return {
            "answer_format": self.answer_format,
            "rewrite": Path(self.template.name).name,
            "rewrite_hash": hashlib.sha256(self.template.source.encode()).hexdigest()[:16],
            "show_answer": self.show_answer,
        }


def read_prompts(config: PromptsConfig, convention: str) -> Prompts:
    """Read the template that the config names, and try it with a problem of the convention.

    Raises:
        ValueError: the template cannot be used.
    """
    prompts = Prompts(config.answer_format, load_template(config.rewrite), config.show_answer)
    prompts.template.check_use(_example_fields(prompts, convention))
    return prompts


def qa_messages(
    question: str, convention: str, system_prompt: str | None = None, answer_format: str = AUTO
) -> Messages:
    """Format the question for SFT, for evaluation and for the backbone's log-probs.

    With the answer format `none` the question is left as it is, blanks around it included.
    """
    if answer_format == NONE:
        return user_messages(question, system_prompt)
    form = ANSWER_FORMAT[convention] if answer_format == AUTO else answer_format
    asked = question.strip()
    return user_messages(f"{asked}\n\n{form}" if form else asked, system_prompt)


def rewrite_messages(
    question: str,
    solution: str,
    answer: str,
    convention: str,
    system_prompt: str | None = None,
    prompts: Prompts | None = None,
) -> Messages:
    """The rewriting policy's prompt: the question and the expert's solution, to be told in own words.

    It states the last line wanted: small backbones rarely keep an answer format that is only described. If the prompts
    do not show the answer, it is masked in the solution, and the last line is only described.
    """
    prompts = prompts or Prompts()
    masked = None if prompts.show_answer else _masked(question, solution, answer, convention)
    told = solution if masked is None else masked
    fields = _fields(question.strip(), told, answer, convention, prompts, shown=masked is None)
    return user_messages(prompts.template.render(fields), system_prompt)


def example_rewriting(prompts: Prompts, convention: str, system_prompt: str | None = None) -> Messages:
    """The rewriting prompt with the names of its parts in place of their texts."""
    return user_messages(prompts.template.render(_example_fields(prompts, convention)), system_prompt)


def question_line(prompts: Prompts, convention: str) -> str:
    """Show the prompt of a question in one line."""
    [message] = qa_messages("QUESTION", convention, answer_format=prompts.answer_format)
    return f"question prompt: {message['content']!r}"


def rewriting_line(prompts: Prompts, convention: str) -> str:
    """Show the rewriting prompt in one line."""
    [message] = example_rewriting(prompts, convention)
    return f"rewriting prompt ({prompts.template.name}): {message['content']!r}"


def format_hint(prompts: PromptsConfig, convention: str) -> str | None:
    """Warn if nothing asks for the form in which the convention finds an answer; None if it needs no asking."""
    if prompts.answer_format != NONE or convention not in SELDOM_UNASKED:
        return None
    line = ANSWER_LINE[convention].format(answer=PLACEHOLDER)
    return (
        f"prompts.answer_format={NONE}: answers are found in the form '{line}' only (convention {convention}), which "
        "models seldom write unless the question or model.system_prompt asks for it"
    )


def user_messages(content: str, system_prompt: str | None = None) -> Messages:
    """Build the messages: the system prompt if there is one, then the request."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": content}]


_masked = lru_cache(maxsize=4096)(mask_answer)
_shipped = lru_cache(load_template)


def _fields(
    question: str, solution: str, answer: str, convention: str, prompts: Prompts, *, shown: bool
) -> Fields:
    """Fields of the template; the answer is one of them only if it is shown."""
    # The gold answer of a program is its tests, and that of a reference the solution itself.
    shown = shown and convention not in ("python", "reference")
    form = prompts.answer_form(convention)
    return {
        "question": question,
        "solution": solution,
        **({"answer": answer} if shown else {}),
        "answer_shown": shown,
        "ending": _ending(answer, convention) if shown else form,
        "answer_form": form,
        "answer_line": ANSWER_LINE[convention].format(answer=answer if shown else PLACEHOLDER),
        "convention": convention,
        "mask": MASK,
    }


def _example_fields(prompts: Prompts, convention: str) -> Fields:
    # Under these conventions nothing is masked.
    masked = not prompts.show_answer and convention not in ("contains", "python", "reference", "tool_calls")
    solution = f"EXPERT SOLUTION WITH {MASK} FOR ITS RESULT" if masked else "EXPERT SOLUTION"
    return _fields("QUESTION", solution, "ANSWER", convention, prompts, shown=not masked)


def _ending(answer: str, convention: str) -> str:
    if convention == "contains":
        return f"Include these words: {answer}"
    line = ANSWER_LINE[convention].format(answer=answer)
    return f"End with this:\n{line}" if "\n" in line else f"End with this last line: {line}"
