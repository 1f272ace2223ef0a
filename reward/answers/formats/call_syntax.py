"""Syntaxes in which models write tool calls: their signs, and the calls that a text in them makes."""

import re
from collections.abc import Iterator
from typing import Literal

from .json_text import Json, loads

OPENING, CLOSING = "<tool_call>", "</tool_call>"
"""Tags around each call, by the chat templates of Qwen, Hermes and others."""
FUNCTION, FUNCTION_END = "<function=", "</function>"
"""Beginning and end of a call inside these tags, by the chat templates of Qwen3-Coder."""
MARKER = "[TOOL_CALLS]"
"""Sign before a list of calls, by the chat templates of Mistral."""
PYTHON_TAG = "<|python_tag|>"
"""Sign before a call, by the models of Llama 3."""
BEGIN, END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL_BEGIN, SEPARATOR, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
"""Signs around calls, by the chat templates of DeepSeek."""
STARTS = (OPENING, MARKER, PYTHON_TAG, BEGIN)
"""Signs that calls begin with."""
ENDS = (CLOSING, END)
CONTROL_SIGNS = frozenset({MARKER, PYTHON_TAG, BEGIN, END, CALL_BEGIN, SEPARATOR, CALL_END})
"""Signs that are control tokens of a model, if it knows them."""

Syntax = Literal["tags", "xml", "marker", "python_tag", "deepseek", "json"]
_BLANKS = re.compile(r"\s*")
_PARAMETER = re.compile(r"<parameter=([^<>\n]+)>\n?(.*?)\n?</parameter>\s*", re.DOTALL)
_FENCED = re.compile(r"([^\n]+)\n```json\n(.*)\n```", re.DOTALL)
_PYTHON_VALUES = {"True": True, "False": False, "None": None}


def syntax_of(calls: str) -> Syntax:
    """Syntax in which calls are written."""
    text = calls.lstrip()
    if text.startswith(OPENING):
        return "xml" if text[len(OPENING) :].lstrip().startswith(FUNCTION) else "tags"
    if text.startswith(MARKER):
        return "marker"
    if text.startswith(PYTHON_TAG):
        return "python_tag"
    return "deepseek" if text.startswith(BEGIN) else "json"


def call_values(calls: str) -> Iterator[Json]:
    """Read the JSON value of each call.

    Raises:
        ValueError: they are not calls; the message says why.
    """
    text = calls.strip()
    match syntax_of(text):
        case "tags":
            yield from map(loads, _between(text, OPENING, CLOSING))
        case "xml":
            yield from map(_function, _between(text, OPENING, CLOSING))
        case "deepseek":
            if not text.endswith(END):
                raise ValueError(f"the calls have no {END}")
            yield from map(_separated, _between(text[len(BEGIN) : -len(END)].strip(), CALL_BEGIN, CALL_END))
        case "marker" | "python_tag" | "json":
            value = loads(text.removeprefix(MARKER).removeprefix(PYTHON_TAG).strip())
            yield from value if isinstance(value, list) else [value]


def typed(value: Json) -> Json:
    """Value of an argument that has no type: XML has `5` for a number and for a text of it."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text in _PYTHON_VALUES:
        return _PYTHON_VALUES[text]
    try:
        read = loads(text)
    except ValueError:
        return value
    return value if isinstance(read, str) else read


def _between(text: str, opening: str, closing: str) -> Iterator[str]:
    """Contents of each pair of signs; nothing but blanks may stand between two pairs."""
    at = 0
    while at < len(text):
        end = text.find(closing, at)
        if end < 0 or not text.startswith(opening, at):
            raise ValueError(f"a call has no {closing}, or a text stands between two calls")
        yield text[at + len(opening) : end].strip()
        blanks = _BLANKS.match(text, end + len(closing))
        assert blanks, "an empty text matches"
        at = blanks.end()


def _function(text: str) -> Json:
    name, closing, body = text.removeprefix(FUNCTION).removesuffix(FUNCTION_END).partition(">")
    if not (closing and text.startswith(FUNCTION) and text.endswith(FUNCTION_END)):
        raise ValueError(f"a call is not {FUNCTION}NAME>...{FUNCTION_END}")
    arguments: dict[str, Json] = {}
    at, body = 0, body.strip()
    while at < len(body):
        parameter = _PARAMETER.match(body, at)
        if parameter is None or parameter[1] in arguments:
            raise ValueError(
                "a call holds something else than one <parameter=NAME>...</parameter> an argument"
            )
        arguments[parameter[1]] = parameter[2]
        at = parameter.end()
    return {"name": name, "arguments": arguments}


def _separated(text: str) -> Json:
    first, separator, second = text.partition(SEPARATOR)
    if not separator:
        raise ValueError(f"a call has no {SEPARATOR}")
    fenced = _FENCED.fullmatch(second.strip())
    name, arguments = (fenced[1], fenced[2]) if first.strip() == "function" and fenced else (first, second)
    return {"name": name.strip(), "arguments": loads(arguments.strip())}
