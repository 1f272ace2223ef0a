"""YAML that a stranger may have written: plain values only, each key once, and no more of it than a config needs."""

import math
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, ScalarNode
from yaml.reader import ReaderError

from rewriter_agent.io.given_file import check_file
from rewriter_agent.user_errors import MAX_QUOTED, printable, quoted

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
"""Sections and lists inside one another."""
MAX_VALUES = 20_000
"""Keys and values, an alias counted as all that it stands for."""
MAX_DIGITS = 100
"""Characters of a number."""


class _Loader(yaml.SafeLoader):
    """`SafeLoader` of values that JSON has too; it refuses a key that is given twice."""

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise ConstructorError(
                    None, None, "a key is a section or list; keys are text", key.start_mark
                )
            if not key.tag.endswith((":str", ":merge")):
                problem = f"key {printable(key.value, MAX_QUOTED)} is not text; put it in quotes"
                raise ConstructorError(None, None, problem, key.start_mark)
            if key.value in seen:
                problem = f"key '{printable(key.value, MAX_QUOTED)}' is given twice"
                raise ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return node

    def construct_number(self, node: ScalarNode) -> int | float:
        """A number as YAML has it; its own constructors raise ValueErrors without a place."""
        is_integer = node.tag.endswith(":int")
        try:
            if len(node.value) <= MAX_DIGITS:
                number = self.construct_yaml_int(node) if is_integer else self.construct_yaml_float(node)
                if math.isfinite(number):
                    return number
                raise ConstructorError(None, None, f"{node.value} is not a finite number", node.start_mark)
        except (ValueError, IndexError) as error:
            problem = f"'{node.value}' is not a number; quote it if it is text"
            raise ConstructorError(None, None, problem, node.start_mark) from error
        problem = f"a number of {len(node.value)} characters; at most {MAX_DIGITS} are read"
        raise ConstructorError(None, None, problem, node.start_mark)


# A name or a path may look like a date; JSON has none.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":value"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _Loader.construct_number)


def read_yaml(path: Path, what: str, change: str) -> Any:
    """Value that a YAML file holds; `what` names it in messages, `change` is advice if there is no such file.

    Raises:
        ValueError: there is no such file, it is of another kind, or not YAML that is read.
    """
    check_file(path, what, change)
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{what}: '{path}' has {size} bytes, and at most {MAX_BYTES} are read")
    return parse_yaml(path.read_bytes(), str(path))


def parse_yaml(text: bytes | str, what: str) -> Any:
    """Value of a YAML document; `what` names it in messages.

    Raises:
        ValueError: it is not YAML, is nested too deep, or its aliases make too many values of it.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"{what} has {len(text)} characters, and at most {MAX_BYTES} are read")
    try:
        _check_size(text, what)
        return _unshared(yaml.load(text, _Loader))
    except yaml.YAMLError as error:
        raise ValueError(f"{what} is not valid YAML: {_explain(error, text)}") from error


def _check_size(text: bytes | str, what: str) -> None:
    """Raise ValueError for a document whose value would be too large, before any of it is made."""
    values, sizes = 0, dict[str, int]()
    """Values so far, and the number of values of each anchor."""
    open_: list[tuple[str | None, int]] = []
    """Anchors of the sections and lists that have begun, with the values before them."""
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            sizes |= {anchor: values - before} if anchor else {}
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        line = event.start_mark.line + 1
        if getattr(event, "tag", None) is not None:
            raise ValueError(
                f"{what}, line {line}: the tag {printable(event.tag, 80)} is not allowed; write plain values, and "
                "text in quotes"
            )
        if isinstance(event, yaml.AliasEvent) and event.anchor in [anchor for anchor, _ in open_]:
            raise ValueError(f"{what}, line {line}: the alias *{event.anchor} stands for what it is in")
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, values))
        values += sizes.get(event.anchor, 1) if isinstance(event, yaml.AliasEvent) else 1
        if len(open_) > MAX_DEPTH:
            raise ValueError(
                f"{what}, line {line}: sections and lists are nested deeper than {MAX_DEPTH}; flatten them"
            )
        if values > MAX_VALUES:
            raise ValueError(
                f"{what}, line {line}: more than {MAX_VALUES} values, those that aliases (*name) repeat included; "
                "write fewer"
            )


def _unshared(value: Any) -> Any:
    """Copy in which an alias has a value of its own: an override of the one must not change the other."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _explain(error: yaml.YAMLError, text: bytes | str) -> str:
    if isinstance(error, ReaderError):
        return _explain_character(error, text if isinstance(text, bytes) else text.encode(errors="replace"))
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return quoted(error)
    problem = printable(str(getattr(error, "problem", None) or error), MAX_QUOTED)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _explain_character(error: ReaderError, text: bytes) -> str:
    """Explain a byte that is not UTF-8, or a character that YAML does not allow."""
    if error.encoding == "utf-8":
        line = text.count(b"\n", 0, error.position) + 1
        return f"line {line}: the byte 0x{error.character:02x} is not UTF-8; save the file as UTF-8"
    line = text.decode(errors="replace").count("\n", 0, error.position) + 1
    return f"line {line}: it holds the control character U+{error.character:04X}; take it out"
