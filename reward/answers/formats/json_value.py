"""The `json` convention: JSON values and tool calls, compared by value."""

import json
from collections.abc import Iterator
from typing import Any

from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

from .json_text import Json, TooDeep, loads


def decide(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None] | None:
    """Compares two JSON texts; None where a schema has to be checked too, which the caller's process may not.

    Objects are unordered, arrays ordered, strings exact, numbers equal by exact value; no boolean is a number.
    A gold that is not JSON (duplicate keys, NaN) is UNDECIDED, an answer that is not is DIFFERENT, and what
    is nested too deep is UNDECIDED.
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
    return (Verdict.EQUAL if _canonical(gold) == _canonical(answer) else Verdict.DIFFERENT), None


def compare(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Like `decide` with the schema: an answer that breaks it is DIFFERENT. Patterns in it may take for ever.

    UNDECIDED (`unparsable`) where schema and answer together are nested deeper than the stack.
    """
    from jsonschema.validators import validator_for
    from referencing import Registry

    if config.json_schema is not None:
        # An empty registry, so that no reference is fetched from elsewhere.
        validator = validator_for(config.json_schema)(config.json_schema, registry=Registry())
        try:
            is_valid = validator.is_valid(json.loads(check.answer))
        except RecursionError:
            return Verdict.UNDECIDED, "unparsable"
        if not is_valid:
            return Verdict.DIFFERENT, "schema"
    equal = _canonical(loads(check.gold)) == _canonical(loads(check.answer))
    return (Verdict.EQUAL if equal else Verdict.DIFFERENT), None


def check_schema(schema: dict[str, Any]) -> None:
    """Refuses what is no JSON Schema, references to anything outside it, and those that lead round in a circle.

    Raises:
        ValueError: the message says where and why.
    """
    try:
        _check_schema(schema)
    except RecursionError as error:
        raise ValueError("JSON Schema: it is nested too deep") from error


def _check_schema(schema: dict[str, Any]) -> None:
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {error.message} (at {error.json_path})") from error
    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource("", root).resolver()
    targets: dict[str, Json] = {}
    for reference in _references(schema):
        try:
            targets[reference] = resolver.lookup(reference).contents
        except Unresolvable as error:
            raise ValueError(
                f"JSON Schema: the reference {reference!r} leads nowhere inside the schema; put what it means "
                "under $defs and refer to #/$defs/NAME"
            ) from error
    for reference, target in targets.items():
        if _returns(target, targets):
            raise ValueError(f"JSON Schema: the reference {reference!r} leads back to itself")


def _returns(start: Json, targets: dict[str, Json]) -> bool:
    """Whether applying `start` to a value means applying it to the same value again, without end."""
    seen: set[int] = set()
    pending = [start]
    while pending:
        for schema in _applied_with(pending.pop(), targets):
            if schema is start and isinstance(schema, dict):
                return True
            if id(schema) not in seen:
                seen.add(id(schema))
                pending.append(schema)
    return False


def _applied_with(schema: Json, targets: dict[str, Json]) -> Iterator[Json]:
    """The schemas that `schema` applies to the same value as itself."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key in ("$ref", "$dynamicRef") and value in targets:
            yield targets[value]
        elif key in ("not", "if", "then", "else"):
            yield value
        elif key in ("allOf", "anyOf", "oneOf"):
            yield from value
        elif key == "dependentSchemas":
            yield from value.values()


def _references(schema: Json) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _canonical(value: Json) -> Json:
    """`value` such that == compares it as JSON: to Python True is 1. Arguments given as text are read."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in _read_arguments(value).items()}
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
