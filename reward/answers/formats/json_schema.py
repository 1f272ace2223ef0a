"""Checks JSON Schemas from a config: each must be usable without resolving references outside itself."""

from collections.abc import Iterator
from typing import Any

from .json_text import Json


def check_schema(schema: dict[str, Any]) -> None:
    """Refuse invalid JSON Schemas, references to anything outside the schema, and circular references.

    Raises:
        ValueError: the schema is refused; the message names the place and the reason.
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

    if not isinstance(schema.get("$schema", ""), str):
        raise ValueError("not a JSON Schema: $schema must be text, the address of a draft")
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
    """Whether applying `start` to a value applies it to the same value again, endlessly."""
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
    """Yield the schemas that `schema` applies to the same value as itself."""
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
