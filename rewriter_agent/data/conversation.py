"""Conversations: what comes before the reply that is rewritten, and the row that they came in."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from reward.answers.formats.tool_calls import read
from reward.reasoning import CLOSING, OPENING
from rewriter_agent.config.model import RESERVED

from .formats import FORMATS, OPTIONS, TOOLS, Format, Row, Turn, as_json, key_of
from .values import BadRow

Message = dict[str, Any]
ROLES = ("system", "user", "assistant", "tool")
REASONING = "reasoning_content"
"""Field of a message for reasoning apart from the reply."""


@dataclass(frozen=True)
class Conversation:
    """The turns of a row up to the reply that is rewritten."""

    format: Format
    row: Row
    turn: int
    """Number of the reply among the row's turns."""
    place: str
    """File and row, for messages and to join the replies of a row."""

    @cached_property
    def turns(self) -> list[Turn]:
        """All turns of the row."""
        return self.format.turns(self.row)

    @property
    def before(self) -> list[Message]:
        """Messages before the reply."""
        return [turn.message for turn in self.turns[: self.turn]]

    @property
    def reply(self) -> Message:
        """The expert's reply."""
        return self.turns[self.turn].message

    @property
    def calls_tools(self) -> bool:
        """Whether the expert's reply calls tools."""
        return "tool_calls" in self.reply

    @property
    def is_question(self) -> bool:
        """Whether nothing but one question comes before the reply."""
        return len(self.before) == 1 and not self.row.get(TOOLS)

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the chat template: the row's tools and its own variables."""
        tools = self.row.get(TOOLS)
        return {**({TOOLS: tools} if tools else {}), **self.variables}

    @property
    def variables(self) -> dict[str, Any]:
        """The row's own variables for the chat template."""
        return {name: value for name, value in self.row.get(OPTIONS, {}).items() if value is not None}

    def messages(self, system_prompt: str | None) -> list[Message]:
        """Messages before the reply; the system prompt is for rows without one of their own."""
        before = self.before
        if not system_prompt or before[0]["role"] == "system":
            return before
        return [{"role": "system", "content": system_prompt}, *before]

    def transcript(self) -> str:
        """What the user's side has said, as one text; a single question is the text alone."""
        if self.is_question:
            return self.before[0]["content"]
        tools = [f"{name}: {about}".rstrip(": ") for name, about in _described(self.row.get(TOOLS, []))]
        parts = [("tools", "\n".join(tools))] if tools else []
        parts += [(one["role"], shown(one)) for one in self.before]
        return "\n\n".join(f"[{role}]\n{text}" for role, text in parts)

    def dumps(self) -> str:
        """JSON for records."""
        return as_json(
            {"format": key_of(self.format), "turn": self.turn, "place": self.place, "row": self.row}
        )


@lru_cache(maxsize=4096)
def load_conversation(text: str) -> Conversation:
    """Read what `dumps` has written."""
    values = json.loads(text)
    return Conversation(FORMATS[values["format"]], values["row"], values["turn"], values["place"])


def find_conversations(form: Format, row: Row, place: str, every: bool) -> list[Conversation]:
    """One conversation for each reply that is rewritten: every one of the assistant's, or only the last.

    Raises BadRow.
    """
    turns = form.turns(row)
    _check_tools(row)
    _check_turns(turns, row)
    replies = [number for number, turn in enumerate(turns) if turn.message["role"] == "assistant"]
    if not replies:
        raise BadRow(f"column {form.columns[0]!r} has no turn of the assistant")
    replies = replies if every else replies[-1:]
    for number in replies:
        if turns[number - 1].message["role"] == "assistant":
            raise BadRow(f"{turns[number].label} follows another turn of the assistant; join the two")
    return [Conversation(form, row, number, place) for number in replies]


def shown(message: Message) -> str:
    """Text of a message, with its tool calls as JSON."""
    calls = [as_json(call.get("function", call)) for call in message.get("tool_calls", ())]
    return "\n".join([*([message["content"]] if message.get("content") else []), *calls])


def with_reasoning(message: Message) -> str:
    """Text of a reply, after its reasoning if that has a field of its own, as models write both."""
    content, thought = message["content"].strip(), message.get(REASONING)
    return (
        f"{OPENING}\n{thought.strip()}\n{CLOSING}\n\n{content}"
        if isinstance(thought, str) and thought
        else content
    )


def calls_of(message: Message) -> list[dict[str, Any]]:
    """Tool calls of a message, each with its name and its arguments.

    Raises:
        ValueError: they cannot be read.
    """
    return read(as_json(message["tool_calls"]))


def plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages of role and text alone, for tables."""
    return [{"role": message["role"], "content": shown(message)} for message in messages]


def fenced(transcript: str) -> str:
    """A transcript between two lines that nothing in it can write."""
    fence = f"=== conversation {hashlib.sha256(transcript.encode()).hexdigest()[:16]} ==="
    return f"{fence}\n{transcript}\n{fence}"


def _check_turns(turns: Sequence[Turn], row: Row) -> None:
    seen_system = None
    for number, turn in enumerate(turns):
        role = turn.message.get("role")
        if role is None:
            raise BadRow(f"{turn.label} has no role")
        if role not in ROLES:
            raise BadRow(f"{turn.label} has the role {role!r}; known roles are {', '.join(ROLES)}")
        if role == "system":
            if seen_system is not None:
                raise BadRow(f"{turn.label} is a second system prompt, after {seen_system}")
            if number:
                raise BadRow(f"{turn.label} is a system prompt after other turns; it comes first")
            seen_system = turn.label
        _check_text(turn)
        _check_calls(turn, row)
    first = next((turn for turn in turns if turn.message["role"] != "system"), None)
    if first is None or first.message["role"] != "user":
        found = f"{first.label} is the {first.message['role']}'s" if first else "there is no other turn"
        raise BadRow(f"{found}; a conversation begins with the user's turn")


def _check_text(turn: Turn) -> None:
    content, role = turn.message.get("content"), turn.message["role"]
    if content is None:
        if "tool_calls" not in turn.message:
            raise BadRow(f"{turn.label} has no text")
        return
    if not isinstance(content, str):
        raise BadRow(f"{turn.label} holds a {type(content).__name__}, not text")
    if not content.strip() and role in ("user", "assistant") and "tool_calls" not in turn.message:
        raise BadRow(f"{turn.label} is empty")


def _check_calls(turn: Turn, row: Row) -> None:
    calls = turn.message.get("tool_calls")
    if calls is None:
        return
    if turn.message["role"] != "assistant" or not isinstance(calls, list) or not calls:
        raise BadRow(f"{turn.label} has tool_calls, which only the assistant has, as a list of calls")
    try:
        found = calls_of(turn.message)
    except ValueError as error:
        raise BadRow(
            f"{turn.label} has tool_calls that cannot be read ({error}); each has a name and arguments, an object or "
            "JSON of one"
        ) from error
    check_defined(found, turn.label, row)


def check_defined(calls: Sequence[Mapping[str, Any]], label: str, row: Row) -> None:
    """Raise BadRow if a turn calls a tool that the row does not define."""
    defined = {name for name, _ in _described(row.get(TOOLS, []))}
    for call in calls:
        if call["name"] not in defined:
            told = (
                f"'{TOOLS}' defines {', '.join(sorted(defined))}" if defined else f"the row has no '{TOOLS}'"
            )
            raise BadRow(f"{label} calls the tool {call['name']!r}, and {told}")


def _check_tools(row: Row) -> None:
    tools, options = row.get(TOOLS, []), row.get(OPTIONS, {})
    if not isinstance(tools, list):
        raise BadRow(f"column {TOOLS!r} holds a {type(tools).__name__}, not a list")
    for number, tool in enumerate(tools):
        if not isinstance(_function(tool).get("name"), str):
            raise BadRow(f"{TOOLS}[{number}] has no name")
    if not isinstance(options, dict):
        raise BadRow(f"column {OPTIONS!r} holds a {type(options).__name__}, not an object")
    if reserved := [name for name in options if name in RESERVED]:
        raise BadRow(f"column {OPTIONS!r} sets {reserved[0]!r}, which is not the row's to set")


def _function(given: object) -> dict[str, Any]:
    """The function of a tool or of a call."""
    inner = given.get("function", given) if isinstance(given, dict) else None
    return inner if isinstance(inner, dict) else {}


def _described(tools: Sequence[object]) -> list[tuple[str, str]]:
    found = [_function(tool) for tool in tools]
    return [(str(one.get("name")), str(one.get("description") or "")) for one in found]
