"""`python -m rewriter_agent.config.reference`: every config key as a Markdown page, from the pydantic models."""

import sys
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from .run import RunConfig

NAMES = {"str": "text", "int": "integer", "float": "number", "bool": "true | false", "Path": "path"}
"""Names of types for users."""
HEAD = """# Config reference

Every key of a config file, with its type, its default and its meaning.
`rewriter-agent plan CONFIG` reads a config and explains an unknown key; `--set key=value` overrides one.
A file may begin with `base: other.yaml` and hold only the keys that differ from it.
This page is generated from the pydantic models of the sections.
"""


def reference() -> str:
    """The page: a table for each section, in the order of the config."""
    places: dict[type[BaseModel], str] = {}
    _find(RunConfig, "", places)
    return HEAD + "\n" + "\n\n".join(_section(model, places) for model in places) + "\n"


def _find(model: type[BaseModel], key: str, places: dict[type[BaseModel], str]) -> None:
    """Map each section to the first key that uses it, under which the page describes it."""
    places[model] = key
    for name, field in model.model_fields.items():
        for nested in _models(field.annotation):
            if nested not in places:
                _find(nested, _under(key, name), places)


def _section(model: type[BaseModel], places: dict[type[BaseModel], str]) -> str:
    key, kind = places[model], _kind(model)
    heading = f"## `{key}`{f' ({kind})' if kind else ''}" if key else "## Top level"
    lines = [heading, "", _one_line(model.__doc__ or ""), ""]
    lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        meaning = _one_line(field.description or "")
        if sections := _models(field.annotation):
            place = places[sections[0]]
            same = "" if place == _under(key, name) else f" The same keys as `{place}`."
            row = (f"`{name}`", "section", "", meaning + same)
        else:
            row = (f"`{name}`", f"`{_type(field.annotation)}`", _default(field), meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def _under(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _models(annotation: Any) -> list[type[BaseModel]]:
    """List the section models that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if hasattr(annotation, "__value__"):
        return _models(annotation.__value__)
    return [model for part in get_args(annotation) for model in _models(part)]


def _kind(model: type[BaseModel]) -> str:
    """Value of the key that chooses this kind, for example `source: hub`."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return f"{name}: {get_args(field.annotation)[0]}"
    return ""


def _type(annotation: Any) -> str:
    if annotation in (None, NoneType):
        return "null"
    if hasattr(annotation, "__value__"):
        return _type(annotation.__value__)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(yaml.safe_dump(part).split("\n")[0] for part in parts)
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(_type(part) for part in parts))
    if origin in (list, tuple, dict):
        inside = ", ".join(_type(part) for part in parts if part is not Ellipsis)
        return f"{origin.__name__}[{inside}]"
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    name = getattr(annotation, "__name__", str(annotation))
    return NAMES.get(name, name)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    plain = TypeAdapter(type(value)).dump_python(value, mode="json")
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(reference())
