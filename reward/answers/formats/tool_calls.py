"""Convention `tool_calls`: the calls at the end of a reply, compared by name and arguments as JSON values."""

from typing import Any

from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .call_syntax import ENDS, STARTS, call_values, syntax_of, typed
from .json_text import Json, TooDeep, loads
from .json_text import extract as extract_json
from .json_value import canonical

CALL_KEYS = frozenset({"id", "type", "name", "arguments", "parameters"})
Call = dict[str, Any]
"""A call by its `name` and its `arguments`, an object."""


def extract(text: str, strict: bool) -> str | None:
    """Extract the calls of a reply as they are written, unread; None if it has none.

    Strictly nothing may follow them. Leniently they may stand anywhere, a block of JSON included.
    """
    start = _start(text)
    if start is not None:
        calls = text[start:].strip()
        end = max(calls.rfind(sign) + len(sign) if sign in calls else 0 for sign in ENDS)
        return calls[:end] if end and not strict else calls
    return None if strict else extract_json(text, strict=False)


def beside(text: str) -> str:
    """The text of a reply before its calls."""
    start = _start(text)
    return text if start is None else text[:start].rstrip()


def decide(check: Check, config: RewardConfig) -> None:
    """Leave every check to the sandboxed process."""


def compare(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Compare the calls in order, each by its name and the JSON value of its arguments.

    Objects are unordered, and numbers equal by value. A gold in a model's syntax is met in that syntax only, since
    another is no call to that model; plain JSON is met in any. In XML arguments have no type, so `5` is `"5"`.
    """
    try:
        gold = read(check.gold)
    except ValueError:
        return Verdict.UNDECIDED, "invalid_gold"
    try:
        answer = read(check.answer)
    except TooDeep:
        return Verdict.UNDECIDED, "unparsable"
    except ValueError:
        return Verdict.DIFFERENT, "unparsable"
    wanted, written = syntax_of(check.gold), syntax_of(check.answer)
    if wanted not in ("json", written):
        return Verdict.DIFFERENT, "unparsable"
    if written == "xml":
        gold, answer = list(map(_typed, gold)), list(map(_typed, answer))
    return (Verdict.EQUAL if canonical(gold) == canonical(answer) else Verdict.DIFFERENT), None


def read(calls: str) -> list[Call]:
    """Read calls in any syntax, each as an object of its name and its arguments.

    Raises:
        ValueError: they are not calls; the message says why.
    """
    found = [_call(value) for value in call_values(calls)]
    if not found:
        raise ValueError("there is no call")
    return found


def _start(text: str) -> int | None:
    """Position of the first call."""
    starts = [at for sign in STARTS if (at := text.find(sign)) >= 0]
    if starts:
        return min(starts)
    body = text.lstrip()
    # A whole reply in JSON is a call by the chat templates of Llama 3.
    return len(text) - len(body) if body[:1] in ("{", "[") and body.rstrip()[-1] in ("}", "]") else None


def _typed(call: Call) -> Call:
    return {**call, "arguments": {name: typed(value) for name, value in call["arguments"].items()}}


def _call(value: Json) -> Call:
    if not isinstance(value, dict):
        raise ValueError(f"a call is a {type(value).__name__}, not an object with name and arguments")
    if "function" in value:
        return _call(value["function"])
    if unknown := sorted(value.keys() - CALL_KEYS):
        raise ValueError(f"a call has the key {unknown[0]!r}, and not a name and arguments alone")
    name, arguments = value.get("name"), value.get("arguments", value.get("parameters"))
    if not isinstance(name, str):
        raise ValueError("a call has no name")
    if isinstance(arguments, str):
        # OpenAI's form.
        arguments = loads(arguments) if arguments.strip() else None
    if not isinstance(arguments, dict | None):
        raise ValueError(f"the arguments of {name!r} are a {type(arguments).__name__}, not an object")
    return {"name": name, "arguments": arguments or {}}
