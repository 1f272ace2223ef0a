"""Targets of conversations as data sets: in TRL's form, and in the form that the rows came in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from reward.answers.formats.tool_calls import beside
from reward.reasoning import split_reasoning
from rewriter_agent.config import RunConfig
from rewriter_agent.config.outcomes import EXPERTS
from rewriter_agent.data.conversation import REASONING, Conversation, load_conversation
from rewriter_agent.data.formats import OPTIONS, TOOLS, as_json, with_text
from rewriter_agent.data.prompt_encoder import chat_messages
from rewriter_agent.io.files import read_table
from rewriter_agent.prepare.records import CONVERSATION

ORIGINAL = "original"
Target = tuple[dict[str, Any], Conversation | None]
"""Row of the rewriting's table, and the conversation that it is a reply in."""


def has_conversations(prepared: Path) -> bool:
    """Tell whether some of the prepared problems are conversations."""
    return CONVERSATION in pq.read_schema(prepared).names


def with_conversations(targets: Iterable[dict[str, Any]], prepared: Path) -> Iterator[Target]:
    """Targets with their conversations; both tables have the problems in the same order."""
    problems = read_table(prepared, ("id", CONVERSATION))
    problem: dict[str, Any] = {"id": None}
    for row in targets:
        while problem["id"] != row["problem_id"]:
            problem = next(problems)
        text = problem[CONVERSATION]
        yield row, None if text is None else load_conversation(text)


def trl_row(row: dict[str, Any], chat: Conversation, config: RunConfig) -> dict[str, Any]:
    """Row in TRL's conversational prompt-completion form, with its tools as TRL reads them."""
    tools, variables = chat.options.get(TOOLS), chat.variables
    return {
        "prompt": chat_messages(chat, config.model.system_prompt, config.prompts.answer_format),
        "completion": [_reply(row, chat)],
        **({TOOLS: as_json(tools)} if tools else {}),
        **({OPTIONS: variables} if variables else {}),
        "problem_id": row["problem_id"],
        "outcome": row["outcome"],
        "answer": row["answer"],
    }


def _reply(row: dict[str, Any], chat: Conversation) -> dict[str, Any]:
    """The target as a message: tool calls are the expert's, which those of the target equal."""
    if not chat.calls_tools:
        return {"role": "assistant", "content": row["target_text"]}
    if row["outcome"] in EXPERTS:
        return chat.reply
    kept = {name: value for name, value in chat.reply.items() if name != REASONING}
    return {**kept, "content": beside(row["target_text"])}


def _texts(row: dict[str, Any], chat: Conversation) -> dict[str, str]:
    """Texts of the target by their fields; reasoning goes where the expert's was."""
    reply = _reply(row, chat)
    content = reply.get("content")
    if content is None:
        return {}
    if REASONING not in chat.reply or reply is chat.reply:
        return {"content": content}
    thought, answer = split_reasoning(content)
    return {REASONING: thought, "content": answer}


@dataclass
class Originals:
    """Rows in the form that they came in, by their place, with the targets of their replies."""

    found: dict[str, Conversation] = field(default_factory=dict)
    replies: dict[str, dict[int, list[dict[str, Any]]]] = field(default_factory=dict)
    """Targets of each row, by the number of the turn."""

    def add(self, row: dict[str, Any], chat: Conversation) -> None:
        """Add a target of a reply."""
        kept = {"problem_id": row["problem_id"], "outcome": row["outcome"], "texts": _texts(row, chat)}
        self.found.setdefault(chat.place, chat)
        self.replies.setdefault(chat.place, {}).setdefault(chat.turn, []).append(kept)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row with its replies replaced, as many times as a reply has targets."""
        for place, chat in self.found.items():
            replies = sorted(self.replies[place].items())
            for number in range(max(len(targets) for _, targets in replies)):
                chosen = [(turn, targets[min(number, len(targets) - 1)]) for turn, targets in replies]
                yield _with_replies(chat, chosen)


def original_rows(targets: Iterable[Target], together: bool) -> Iterator[dict[str, Any]]:
    """Rows of conversations in the form that they came in, a row at a time if the targets of each come together."""
    chats = ((row, chat) for row, chat in targets if chat is not None)
    for _, group in groupby(chats, key=lambda target: target[1].place if together else None):
        originals = Originals()
        for row, chat in group:
            originals.add(row, chat)
        yield from originals.rows()


def _with_replies(chat: Conversation, chosen: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    turns, changed = chat.turns, dict(chat.row)
    for number, target in chosen:
        path = turns[number].path
        # A call of ShareGPT's has no place for a text.
        has_place = "tool_calls" not in turns[number].message or path[-1] == "content"
        for name, text in target["texts"].items() if has_place else ():
            changed = with_text(changed, path if name == "content" else (*path[:-1], name), text)
    return {
        **changed,
        "rewritten_turns": [turns[number].label for number, _ in chosen],
        "outcomes": [target["outcome"] for _, target in chosen],
        "problem_ids": [target["problem_id"] for _, target in chosen],
    }
