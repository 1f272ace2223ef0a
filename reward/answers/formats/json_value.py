"""Convention `json`: JSON values and tool calls, compared by value."""

import json

from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .json_text import Json, TooDeep, loads


def decide(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None] | None:
    """Compare two JSON texts; None if a schema has to be checked too, which is unsafe in the caller's process.

    Objects are unordered, arrays ordered, strings exact, numbers equal by exact value; no boolean is a number. A gold
    that is not JSON (duplicate keys, NaN) is UNDECIDED, and an answer that is not JSON is DIFFERENT. A text nested too
    deep is UNDECIDED.
    """
    try:
        gold = loads(check.gold)
    except TooDeep:
        return Verdict.UNDECIDED, "unparsable"
    except ValueError:
        return Verdict.UNDECIDED, "invalid_gold"
    try:
        answer = loads(check.answer)
    except TooDeep:
        return Verdict.UNDECIDED, "unparsable"
    except ValueError:
        return Verdict.DIFFERENT, "unparsable"
    if config.json_schema is not None:
        return None
    return (Verdict.EQUAL if canonical(gold) == canonical(answer) else Verdict.DIFFERENT), None


def compare(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Decide with the schema: an answer that breaks it is DIFFERENT. A pattern in it may never finish.

    UNDECIDED (`unparsable`) if schema and answer together are nested deeper than the stack.
    """
    from jsonschema.validators import validator_for
    from referencing import Registry

    if config.json_schema is not None:
        # An empty registry keeps references from being fetched over the network.
        validator = validator_for(config.json_schema)(config.json_schema, registry=Registry())
        try:
            is_valid = validator.is_valid(json.loads(check.answer))
        except RecursionError:
            return Verdict.UNDECIDED, "unparsable"
        if not is_valid:
            return Verdict.DIFFERENT, "schema"
    equal = canonical(loads(check.gold)) == canonical(loads(check.answer))
    return (Verdict.EQUAL if equal else Verdict.DIFFERENT), None


def canonical(value: Json) -> Json:
    """Convert `value` for comparison by ==, since Python takes True for 1; parse arguments given as text."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in _read_arguments(value).items()}
    return value


def _read_arguments(value: dict[str, Json]) -> dict[str, Json]:
    arguments = value.get("arguments")
    if value.keys() != {"name", "arguments"} or not isinstance(arguments, str):
        return value
    try:
        read = loads(arguments)
    except ValueError:
        return value
    return {**value, "arguments": read} if isinstance(read, dict) else value
