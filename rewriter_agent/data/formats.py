"""Formats of conversational data: the turns of a row, each with its place in the row."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewriter_agent.config.data import Columns, FormatName
from rewriter_agent.io.foreign_json import decode_json

from .values import BadRow, column_names, value_of

Row = Mapping[str, Any]
"""The columns of a format, by their names in that format."""
Path = tuple[str | int, ...]
TOOLS, OPTIONS = "tools", "chat_template_kwargs"
NESTED = ("messages", "prompt", "completion", "conversations", "history", TOOLS, OPTIONS)
"""Columns that hold lists or objects, or JSON of these."""
ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}
"""Role of each sender in ShareGPT's format."""


@dataclass(frozen=True)
class Turn:
    """One message and the place of its text in the row."""

    path: Path
    message: dict[str, Any]

    @property
    def label(self) -> str:
        """Place of the turn for messages, such as `messages[2]`."""
        column, *rest = self.path
        return f"{column}{''.join(f'[{part}]' for part in rest if isinstance(part, int))}"


@dataclass(frozen=True)
class Format:
    """A form of a row, recognised by its columns."""

    name: FormatName
    columns: tuple[str, ...]
    """Columns that every row has."""
    optional: tuple[str, ...]
    turns: Callable[[Row], list[Turn]]
    lists: bool = False
    """Whether the columns must hold lists, since other data has columns of the same names."""

    @property
    def title(self) -> str:
        """Name and columns."""
        return f"{self.name} ({', '.join(self.columns)})"

    def fits(self, columns: Mapping[str, bool]) -> bool:
        """Tell whether rows with these columns, True for one that holds lists, are in the format."""
        return all(name in columns and (columns[name] or not self.lists) for name in self.columns)

    def row(self, values: dict[str, object], renamed: str | None) -> dict[str, Any]:
        """Columns of the format, without empty ones; `renamed` is the column of the conversation.

        Raises BadRow.
        """
        row = {}
        for name in (*self.columns, *self.optional):
            column = renamed if renamed and name == self.columns[0] else name
            value = value_of(values, column) if name in self.columns else values.get(column)
            if name in self.columns and value is None:
                raise BadRow(f"column {column!r} is null")
            if name in self.columns or value not in (None, ""):
                row[name] = _decoded(value, column) if name in NESTED else value
        return row


def _decoded(value: object, column: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return decode_json(value.encode("utf-8", "surrogatepass"), what=f"column {column!r}")
    except ValueError as error:
        raise BadRow(str(error)) from error


def _chat(row: Row, column: str) -> Iterator[Turn]:
    """Messages with role and content."""
    for number, message in enumerate(_list(row, column)):
        if not isinstance(message, dict):
            raise BadRow(
                f"{column}[{number}] is a {type(message).__name__}, not an object with role and content"
            )
        yield Turn(
            (column, number, "content"), {key: value for key, value in message.items() if value is not None}
        )


def _list(row: Row, column: str) -> list[Any]:
    value = row.get(column)
    if not isinstance(value, list):
        raise BadRow(f"column {column!r} holds a {type(value).__name__}, not a list")
    if not value:
        raise BadRow(f"column {column!r} is empty")
    return value


def _prompt_completion(row: Row) -> list[Turn]:
    prompt, completion = list(_chat(row, "prompt")), list(_chat(row, "completion"))
    if completion[0].message.get("role") != "assistant":
        raise BadRow("completion[0] is not the assistant's; a completion begins with its reply")
    return [*prompt, *completion]


def _system(row: Row) -> list[Turn]:
    return [Turn(("system",), {"role": "system", "content": row["system"]})] if "system" in row else []


def _sharegpt(row: Row) -> list[Turn]:
    turns = _system(row)
    for number, given in enumerate(_list(row, "conversations")):
        label = f"conversations[{number}]"
        if not isinstance(given, dict) or "from" not in given:
            has = column_names(given) if isinstance(given, dict) else type(given).__name__
            advice = (
                "; set data.format=conversational and data.columns.messages=conversations"
                if isinstance(given, dict) and "role" in given
                else ""
            )
            raise BadRow(f"{label} has no 'from' (it has {has}){advice}")
        sender = given["from"]
        if not isinstance(sender, str) or sender not in ROLES:
            raise BadRow(f"{label} is from {sender!r}; known senders are {', '.join(ROLES)}")
        message = {"role": ROLES[sender], "content": given.get("value")}
        if sender == "function_call":
            message = {"role": "assistant", "tool_calls": _calls(given.get("value"), label)}
        turns.append(Turn(("conversations", number, "value"), message))
    return turns


def _calls(value: object, label: str) -> list[dict[str, Any]]:
    """Tool calls of a turn whose text is JSON."""
    calls = _decoded(value, f"{label}.value")
    return [
        {"type": "function", "function": call} for call in (calls if isinstance(calls, list) else [calls])
    ]


def _alpaca(row: Row) -> list[Turn]:
    turns, history = _system(row), row.get("history", [])
    if not isinstance(history, list):
        raise BadRow(f"column 'history' holds a {type(history).__name__}, not a list")
    for number, pair in enumerate(history):
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadRow(f"history[{number}] is not a list of an instruction and its output")
        turns.append(Turn(("history", number, 0), {"role": "user", "content": pair[0]}))
        turns.append(Turn(("history", number, 1), {"role": "assistant", "content": pair[1]}))
    instruction, given = row.get("instruction"), row.get("input")
    for column, value in (("instruction", instruction), ("input", given)):
        if value is not None and not isinstance(value, str):
            raise BadRow(f"column {column!r} holds a {type(value).__name__}, not text")
    asked = f"{instruction}\n\n{given}" if instruction and given else instruction
    turns.append(Turn(("instruction",), {"role": "user", "content": asked}))
    turns.append(Turn(("output",), {"role": "assistant", "content": row.get("output")}))
    return turns


MESSAGES = Format("conversational", ("messages",), (TOOLS, OPTIONS), lambda row: list(_chat(row, "messages")))
FORMATS = {
    "messages": MESSAGES,
    "prompt_completion": Format(
        "conversational", ("prompt", "completion"), (TOOLS, OPTIONS), _prompt_completion, lists=True
    ),
    "sharegpt": Format("sharegpt", ("conversations",), ("system", TOOLS, OPTIONS), _sharegpt),
    "alpaca": Format("alpaca", ("instruction", "output"), ("input", "system", "history"), _alpaca),
}
"""Formats by the names that records have; a format with messages before one without."""


def find_format(columns: Mapping[str, bool], wanted: FormatName, names: Columns, key: str) -> Format | None:
    """Format of rows with these columns, True for one that holds lists; None for plain columns.

    Raises:
        ValueError: the rows are not in the wanted format, or nothing tells which of several they are in.
    """
    found = [one for one in FORMATS.values() if one.fits(columns) and wanted in ("auto", one.name)]
    if wanted == "columns" or (wanted == "auto" and _names_columns(columns, names)):
        if found and not {names.question.split(".")[0], names.solution.split(".")[0]} & columns.keys():
            raise ValueError(
                f"{key}: data.columns names {names.question!r} and {names.solution!r}, and the rows are "
                f"{found[0].title}; correct data.columns, or set data.format={found[0].name}"
            )
        return None
    if names.messages:
        return FORMATS["sharegpt"] if wanted == "sharegpt" else MESSAGES
    if len({one.name for one in found}) > 1:
        raise ValueError(
            f"{key}: the rows may be {' or '.join(one.title for one in found)}; set data.format to one of them"
        )
    if not found and wanted != "auto":
        titles = " or ".join(one.title for one in FORMATS.values() if one.name == wanted)
        raise ValueError(
            f"{key}: data.format={wanted}, and the rows are not {titles} (they have {column_names(columns)})"
        )
    return found[0] if found else None


def _names_columns(columns: Mapping[str, bool], names: Columns) -> bool:
    if names.messages:
        return False
    given = {"question", "solution"}
    return bool(given & names.model_fields_set) or {names.question, names.solution} <= columns.keys()


def key_of(given: Format) -> str:
    """Name that records have for a format."""
    return next(key for key, one in FORMATS.items() if one is given)


def with_text(row: Any, path: Sequence[str | int], text: str) -> Any:
    """Copy of a row with another text at a path."""
    if not path:
        return text
    first, *rest = path
    copy: Any = list(row) if isinstance(row, list) else dict(row)
    copy[first] = with_text(row.get(first) if isinstance(row, dict) else row[first], rest, text)
    return copy


def as_json(value: object) -> str:
    """JSON text of a value, as records have it."""
    # Arrow has dates and other types that JSON has not.
    return json.dumps(value, ensure_ascii=False, default=str)
