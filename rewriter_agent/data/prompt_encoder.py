"""Texts to the token ids that engines, trainers and scorers share."""

from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from reward import Check, RewardConfig, Verdict, extract_answer
from reward.answers.conventions import compare
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.config.prompts import AUTO, NONE
from rewriter_agent.models.chat_template import (
    TEMPLATE_ERRORS,
    check_roles,
    choose_template,
    fix_date,
    set_variables,
)
from rewriter_agent.models.end_tokens import EndTokens, end_tokens
from rewriter_agent.models.light_tokenizer import light_tokenizer
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.user_errors import quoted

from .conversation import Conversation, fenced
from .formats import TOOLS
from .problem import EncodedProblem, Problem
from .prompts import Messages, Prompts, qa_messages, rewrite_messages
from .rewriting_template import KEY
from .text_encoder import text_encoder

MOST_BYTES = 4
"""Bytes of the longest character: more tokens that end in the middle of one are not part of any."""


class Tokens:
    """A backbone's tokenizer with the run's prompts, and with the tokens that end a text."""

    def __init__(
        self,
        tokenizer: Any,
        system_prompt: str | None,
        ends: EndTokens,
        prompts: Prompts | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.system_prompt = system_prompt
        self.ends = ends
        self.prompts = prompts or Prompts()

    def encode(self, problem: Problem) -> EncodedProblem:
        """Encode both prompts of a problem."""
        return EncodedProblem(
            **vars(problem),
            prompt_ids=array("i", self.question(problem)),
            rewriting_prompt_ids=array("i", self.rewriting(problem)),
        )

    def with_calls(self, problem: Problem) -> Problem:
        """The problem with the expert's tool calls as the chat template writes them, for rewrites to meet.

        Without an answer if those calls are not read again, as the template writes them in a form of its own.
        """
        chat = problem.chat
        if chat is None or not chat.calls_tools:
            return problem
        ids = self.expert(problem)
        text = self.text(ids)
        written = None if self.has_control_tokens(ids) else extract_answer(text, problem.convention)
        check = Check(problem.answer, written or "", problem.convention)
        is_read = written is not None and compare(check, RewardConfig())[0] is Verdict.EQUAL
        return (
            replace(problem, solution=text.strip(), answer=written)
            if is_read
            else replace(problem, answer="")
        )

    def question(self, problem: Problem) -> list[int]:
        """The QA prompt, on which SFT trains and the backbone's log-probs condition."""
        return encode_question(self.tokenizer, problem, self.system_prompt, self.prompts.answer_format)

    def question_messages(self, problem: Problem) -> Messages:
        """The QA prompt as messages."""
        return question_messages(problem, self.system_prompt, self.prompts.answer_format)

    def rewriting(self, problem: Problem) -> list[int]:
        """The policy's prompt."""
        return self.prompt(self.rewrite_messages(problem))

    def rewrite_messages(self, problem: Problem) -> Messages:
        """The policy's prompt as messages."""
        chat = problem.chat
        return rewrite_messages(
            problem.question if chat is None or chat.is_question else fenced(problem.question),
            problem.solution,
            problem.answer,
            problem.convention,
            self.system_prompt,
            self.prompts,
        )

    def expert(self, problem: Problem) -> list[int]:
        """The expert solution as a completion."""
        chat = problem.chat
        return self._tool_calls(chat) if chat and chat.calls_tools else self.completion(problem.solution)

    def _tool_calls(self, chat: Conversation) -> list[int]:
        """The expert's tool calls as the chat template writes them."""
        with refused(chat):
            messages = chat.messages(self.system_prompt)
            ids = text_encoder(self.tokenizer).reply(messages, chat.reply, chat.options)
        ends = [i for i, token in enumerate(ids or ()) if token in self.ends.sources]
        if not ids or not ends:
            raise ValueError(
                f"{chat.place}: the chat template leaves out the tool calls of the expert's reply; take a model whose "
                "template writes them, or leave the row out"
            )
        return ids[: ends[-1] + 1]

    @property
    def thinks(self) -> bool:
        """Whether the model reasons in tags before it answers, as its chat template says."""
        return text_encoder(self.tokenizer).thinks

    def completion(self, text: str) -> list[int]:
        """Encode a completion, with the end that the model writes after an assistant's turn."""
        return [*self.beginning(text), *self.ends.turn]

    def beginning(self, text: str) -> list[int]:
        """Encode the beginning of a completion; reasoning that the prompt opens is continued, or closed at once."""
        encoder = text_encoder(self.tokenizer)
        return encoder.completion(encoder.continued(text))

    def expert_after(self, ids: Sequence[int], problem: Problem) -> tuple[list[int], list[int]]:
        """A completion without its end, and the expert solution that continues it after a blank line."""
        solution = text_encoder(self.tokenizer).completion(f"\n\n{problem.solution}")
        return self._without_end(ids), [*solution, *self.ends.turn]

    def prompt(self, messages: Messages) -> list[int]:
        """Messages under the chat template, up to the beginning of the assistant's turn."""
        return text_encoder(self.tokenizer).chat(messages)

    def has_control_tokens(self, ids: Sequence[int]) -> bool:
        """Tell whether a completion holds control tokens before its end, which `text` leaves out.

        Tags that the chat template writes as tokens, such as `<tool_call>`, must be these tokens, and so must the signs
        of tool calls.
        """
        control, body = text_encoder(self.tokenizer).control, self._without_end(ids)
        return not control.ids.isdisjoint(body) or control.misspells(body, self._decoded(ids))

    def finished(self, ids: Sequence[int]) -> bool:
        """Tell whether a completion ended with an end token."""
        return bool(ids) and ids[-1] in self.ends.sources

    def text(self, ids: list[int]) -> str:
        """Decode a completion without its end and special tokens, with the reasoning that the prompt opens."""
        return text_encoder(self.tokenizer).opening + self._decoded(ids)

    def _decoded(self, ids: Sequence[int]) -> str:
        return text_encoder(self.tokenizer).decode(self._without_end(ids))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Split the `text` of a completion into one piece a token.

        A character that several tokens make is in the piece of the last. The end and special tokens have no text.
        """
        body = self._without_end(ids)
        tokenizer = self.tokenizer.backend_tokenizer if self.tokenizer.is_fast else self.tokenizer
        has_signs = not text_encoder(self.tokenizer).control.signs.isdisjoint(body)
        found = _pieces(body, partial(tokenizer.decode, skip_special_tokens=not has_signs))
        return found + [""] * (len(ids) - len(body))

    def _without_end(self, ids: Sequence[int]) -> list[int]:
        turn = self.ends.turn
        if not self.finished(ids):
            return list(ids)
        return list(ids[: -len(turn)] if tuple(ids[-len(turn) :]) == turn else ids[:-1])


def question_messages(problem: Problem, system_prompt: str | None, answer_format: str = AUTO) -> Messages:
    """The QA prompt as messages."""
    if problem.chat is not None:
        return chat_messages(problem.chat, system_prompt, answer_format)
    return qa_messages(problem.question, problem.convention, system_prompt, answer_format)


def chat_messages(chat: Conversation, system_prompt: str | None, answer_format: str = AUTO) -> Messages:
    """The prompt of a conversation: its own messages, to which `auto` adds nothing.

    The system prompt is for conversations without one of their own.
    """
    messages = chat.messages(system_prompt)
    if answer_format in (AUTO, NONE) or messages[-1]["role"] != "user":
        return messages
    last = messages[-1]
    return [*messages[:-1], {**last, "content": f"{last['content'].strip()}\n\n{answer_format}"}]


def encode_question(
    tokenizer: Any, problem: Problem, system_prompt: str | None, answer_format: str = AUTO
) -> list[int]:
    """Encode the QA prompt under the chat template, with a conversation's tools and variables.

    Raises:
        ValueError: the template refuses the conversation or leaves out its tools, or the row switches the reasoning
            that prompts open.
    """
    messages, chat = question_messages(problem, system_prompt, answer_format), problem.chat
    if chat is None:
        return text_encoder(tokenizer).chat(messages)
    with refused(chat):
        ids = text_encoder(tokenizer).chat(messages, chat.options)
        if chat.options.get(TOOLS) and ids == text_encoder(tokenizer).chat(messages, chat.variables):
            raise ValueError("it leaves out the tools")
        if chat.variables and text_encoder(tokenizer).switches_reasoning(messages, chat.options):
            raise ValueError(
                "its chat_template_kwargs switch the reasoning on or off; all rows need the same, by "
                "model.chat_template_kwargs"
            )
    return ids


@contextmanager
def refused(chat: Conversation) -> Generator[None]:
    """Name the row of a conversation that the chat template refuses."""
    try:
        yield
    except TEMPLATE_ERRORS as error:
        raise ValueError(
            f"{chat.place}: the model's chat template cannot write this conversation ({quoted(error)}); leave the row "
            "out, or take a model whose template can"
        ) from error


def _pieces(ids: list[int], decode: Callable[[list[int]], str]) -> list[str]:
    """Decode two short windows a token: a decoder treats the beginning of what it gets in a way of its own."""
    found: list[str] = []
    start = shown = 0
    for end in range(1, len(ids) + 1):
        before = decode(ids[start:shown])
        text = decode(ids[start:end])
        if text.endswith("\ufffd") and end - shown < MOST_BYTES:
            found.append("")
            continue
        found.append(text[len(before) :])
        start, shown = (shown if found[-1] else start), end
    return found


def load_tokens(
    path: str,
    model: ModelConfig,
    prompt_date: datetime | None = None,
    prompts: Prompts | None = None,
    light: bool = False,
) -> Tokens:
    """Load the tokens of the model that `resolve_model` gave, under the options of a config.

    Args:
        path: The model's folder, or its name on the hub.
        model: Options.
        prompt_date: Date that a chat template with today's date tells, unless the config names another.
        prompts: The run's prompts; None for the default ones.
        light: Make do with a tokenizer that a plan needs, if the model's files allow one.

    Raises:
        ValueError: the model's chat template cannot be used with these options, nothing says what ends its texts, or
            the prompts hold one of its control tokens.
    """
    tokenizer = _tokenizer(path, model.chat_template, light)
    if model.chat_template_kwargs:
        set_variables(tokenizer, model.chat_template_kwargs)
    if now := model.date or prompt_date:
        fix_date(tokenizer, now)
    check_roles(tokenizer, model.system_prompt, path)
    ends = end_tokens(path, tokenizer)
    if tokenizer.eos_token is None:
        # TRL pads with it if there is no padding token.
        tokenizer.eos_token = str(tokenizer.convert_ids_to_tokens(ends.turn[-1]))
    tokens = Tokens(tokenizer, model.system_prompt, ends, prompts)
    _check_prompts(tokens)
    return tokens


def _check_prompts(tokens: Tokens) -> None:
    """Raise ValueError if a prompt that the user wrote holds a control token, which would be encoded as text."""
    prompts, control = tokens.prompts, text_encoder(tokens.tokenizer).control.acting
    texts = {
        "prompts.answer_format": prompts.answer_format,
        f"{KEY}: {prompts.template.name}": prompts.template.source,
    }
    for place, text in texts.items():
        if found := sorted(token for token in control if token in text):
            raise ValueError(
                f"{place} holds {', '.join(found)}, which the model reads as plain characters: only its chat template "
                "writes control tokens. Leave them out; model.system_prompt sets a system message"
            )


def _tokenizer(path: str, template: str | None, light: bool) -> Any:
    tokenizer = light_tokenizer(Path(path)) if light else None
    if tokenizer is None:
        return load_tokenizer(path, template)
    choose_template(tokenizer, template, path)
    return tokenizer
