"""Plain data as JSON, with exact types: the only thing that crosses between answer and referee.

A node is None, a bool, an int, a float or a str as it is, and a list of a tag and its parts for all else. A
subclass of a plain type is no plain data. Containers that can change are numbered in the order in which they are
packed, so that both processes agree which is which: `exchange.py` keeps the numbers.
"""

import base64
import builtins
import dataclasses
import decimal
import json
import queue
import re
import statistics
import struct
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

Node = Any
"""What JSON can hold."""
Walk = Callable[[Any], Any]
"""Packs or unpacks a part."""

_BIG = 1 << 4096
_KINDS = "biufcUSmM"
_NATIVE = frozenset({type(None), bool, float, str})
_NESTED = frozenset({list, dict})
_FACTORIES = {kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple, bool)}
_LIBRARY_ERRORS = (
    json.JSONDecodeError,
    dataclasses.FrozenInstanceError,
    *(queue.Empty, queue.Full, re.error, statistics.StatisticsError, struct.error),
    *(decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow),
)

MUTABLE = (list, dict, set, bytearray, deque, Counter, OrderedDict, defaultdict)
"""Exact types of plain containers that can change."""
PLAIN = frozenset(
    {
        *(type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, slice, type(...)),
        *(Decimal, Fraction, date, datetime, time, timedelta, timezone, type(NotImplemented)),
        *MUTABLE,
    }
)
"""Exact types of plain data."""

CLASSES: dict[str, type] = {
    name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and name == kind.__name__
} | {f"{kind.__module__}.{kind.__name__}": kind for kind in PLAIN if kind.__module__ != "builtins"}
"""Classes that both processes know, by name."""
ERRORS: dict[str, type[BaseException]] = {
    name: kind for name, kind in CLASSES.items() if issubclass(kind, BaseException)
} | {f"{kind.__module__}.{kind.__name__}": kind for kind in _LIBRARY_ERRORS}
"""Exceptions that both processes know, by name. None of them has a meaning of its own to `unittest`."""
_NAMES = {kind: name for name, kind in (CLASSES | ERRORS).items()}


def is_flat(items: list[Any]) -> bool:
    """Whether a list is its own node, which spares a walk through it."""
    kinds = set(map(type, items))
    if kinds <= _NATIVE:
        return True
    return kinds == {int} and max(items) < _BIG and min(items) > -_BIG


def pack_items(items: Iterable[Any], pack: Walk) -> Node:
    """Nodes of all items."""
    listed = [*items]
    return listed if is_flat(listed) else [pack(item) for item in listed]


def unpack_items(nodes: Node, unpack: Walk) -> list[Any]:
    """Items of all nodes."""
    if type(nodes) is not list:
        raise TypeError("parts of a container must be a list")
    return [*nodes] if _NESTED.isdisjoint(map(type, nodes)) else [unpack(node) for node in nodes]


def pack_atom(value: Any, pack: Walk) -> Node | None:
    """The node of plain data that cannot change; None if it is anything else, or None."""
    kind = type(value)
    if kind in _NATIVE or (kind is int and -_BIG < value < _BIG):
        return value
    packer = _ATOM_PACKERS.get(kind)
    return _pack_scalar(value) if packer is None else packer(value, pack)


def unpack_atom(tag: str, parts: list[Node], unpack: Walk) -> Any:
    """The value of such a node; raises KeyError if the tag is unknown, and other errors if its parts are wrong."""
    return _ATOM_UNPACKERS[tag](parts, unpack)


def class_name(kind: Any) -> str | None:
    """The name under which both processes know a class."""
    return _NAMES.get(kind) if type(kind) is type else None


def make_error(name: str, arguments: list[Any]) -> BaseException:
    """An exception that both processes know; raises KeyError, TypeError or ValueError if there is none."""
    kind = ERRORS[name]
    if name in CLASSES:
        return kind(*arguments)
    # Such a class is made with other arguments than the ones it keeps.
    error = kind.__new__(kind)
    error.args = tuple(arguments)
    return error


def content(container: Any, pack: Walk) -> Node:
    """The node of a container's present content."""
    if type(container) is bytearray:
        return container.decode("latin-1")
    if isinstance(container, dict):
        return [pack(part) for pair in container.items() for part in pair]
    if is_array(container):
        return _to_base64(container)
    return pack_items(container, pack)


def refill(container: Any, node: Node, unpack: Walk) -> None:
    """Makes a container hold what `content` said, in place."""
    if type(container) is bytearray:
        container[:] = node.encode("latin-1")
    elif is_array(container):
        container[...] = _from_base64(node, container.dtype).reshape(container.shape)
    elif isinstance(container, dict):
        parts = unpack_items(node, unpack)
        container.clear()
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            container[key] = value
    else:
        items = unpack_items(node, unpack)
        container.clear()
        container.update(items) if type(container) is set else container.extend(items)


def tag_of(container: Any) -> list[Node]:
    """Tag and making of an empty container like this one."""
    match container:
        case deque():
            return ["deque", container.maxlen]
        case defaultdict():
            name = getattr(container.default_factory, "__name__", "")
            return ["defaultdict", name if _FACTORIES.get(name) is container.default_factory else None]
        case _ if is_array(container):
            return ["array", container.dtype.str, [*container.shape]]
        case _:
            return [type(container).__name__]


def empty(tag: str, making: list[Node]) -> Any:
    """A new container as `tag_of` describes it, or None if the tag is of no container."""
    match tag, making:
        case (("list" | "dict" | "set" | "bytearray" | "Counter" | "OrderedDict"), []):
            return _EMPTY[tag]()
        case "deque", [length]:
            return deque(maxlen=length)
        case "defaultdict", [name]:
            return defaultdict(None if name is None else _FACTORIES[name])
        case "array", [str(kind), list(shape)]:
            return _numpy().empty(shape, _checked_dtype(kind))
    return None


def is_array(value: Any) -> bool:
    """Whether it is a numpy array of numbers or strings; numpy is not imported for it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind in _KINDS


def snapshot(container: Any) -> tuple[Any, ...]:
    """The content of a container, one level deep; compare two by `is_unchanged`."""
    if type(container) is bytearray:
        return (bytes(container),)
    if isinstance(container, dict):
        return (*container, *container.values())
    if is_array(container):
        return (container.tobytes(),)
    return tuple(container)


def is_unchanged(before: tuple[Any, ...], container: Any) -> bool:
    """Whether a container still holds the same objects in the same order."""
    after = snapshot(container)
    if len(before) == 1 and type(before[0]) is bytes:
        return before == after
    return len(before) == len(after) and all(map(_is, before, after))


def _is(one: object, other: object) -> bool:
    return one is other


def _numpy() -> Any:
    import numpy  # takes long, and few programs need it

    return numpy


def _checked_dtype(kind: str) -> Any:
    dtype = _numpy().dtype(kind)
    if dtype.kind not in _KINDS:
        raise TypeError("an array of objects is no plain data")
    return dtype


def _to_base64(value: Any) -> str:
    return base64.b64encode(value.tobytes()).decode()


def _from_base64(node: str, dtype: Any) -> Any:
    return _numpy().frombuffer(base64.b64decode(node), dtype)


def _pack_scalar(value: Any) -> Node | None:
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) not in numpy.sctypeDict.values() or value.dtype.kind not in _KINDS:
        return None
    return ["scalar", value.dtype.str, _to_base64(value)]


def _pack_moment(value: datetime | time) -> Node | None:
    # Other time zones are objects with rules of their own.
    zone_is_plain = value.tzinfo is None or type(value.tzinfo) is timezone
    return [type(value).__name__, value.isoformat()] if zone_is_plain else None


_EMPTY = {kind.__name__: kind for kind in (list, dict, set, bytearray, Counter, OrderedDict)}
_ATOM_PACKERS: dict[type, Callable[[Any, Walk], Node]] = {
    int: lambda value, _: ["int", hex(value)],
    complex: lambda value, _: ["complex", value.real, value.imag],
    bytes: lambda value, _: ["bytes", value.decode("latin-1")],
    tuple: lambda value, pack: ["tuple", pack_items(value, pack)],
    frozenset: lambda value, pack: ["frozenset", pack_items(value, pack)],
    range: lambda value, pack: ["range", *map(pack, (value.start, value.stop, value.step))],
    slice: lambda value, pack: ["slice", *map(pack, (value.start, value.stop, value.step))],
    type(...): lambda _, __: ["..."],
    type(NotImplemented): lambda _, __: ["NotImplemented"],
    Decimal: lambda value, _: ["Decimal", str(value)],
    Fraction: lambda value, pack: ["Fraction", pack(value.numerator), pack(value.denominator)],
    date: lambda value, _: ["date", value.isoformat()],
    timedelta: lambda value, _: ["timedelta", value.days, value.seconds, value.microseconds],
    timezone: lambda value, _: ["timezone", value.utcoffset(None).total_seconds()],
    datetime: lambda value, _: _pack_moment(value),
    time: lambda value, _: _pack_moment(value),
}


def _checked_ints(parts: list[Node], unpack: Walk) -> list[int]:
    values = [unpack(part) for part in parts]
    if any(type(value) is not int for value in values):
        raise TypeError("not an int")
    return values


_ATOM_UNPACKERS: dict[str, Callable[[list[Node], Walk], Any]] = {
    "int": lambda parts, _: int(*parts, 16),
    "complex": lambda parts, _: complex(*parts),
    "bytes": lambda parts, _: parts[0].encode("latin-1"),
    "tuple": lambda parts, unpack: tuple(unpack_items(parts[0], unpack)),
    "frozenset": lambda parts, unpack: frozenset(unpack_items(parts[0], unpack)),
    "range": lambda parts, unpack: range(*_checked_ints(parts, unpack)),
    "slice": lambda parts, unpack: slice(*map(unpack, parts)),
    "...": lambda _, __: ...,
    "NotImplemented": lambda _, __: NotImplemented,
    "Decimal": lambda parts, _: Decimal(*parts),
    "Fraction": lambda parts, unpack: Fraction(*_checked_ints(parts, unpack)),
    "date": lambda parts, _: date.fromisoformat(*parts),
    "timedelta": lambda parts, _: timedelta(*parts),
    "datetime": lambda parts, _: datetime.fromisoformat(*parts),
    "time": lambda parts, _: time.fromisoformat(*parts),
    "timezone": lambda parts, _: timezone(timedelta(seconds=parts[0])),
    "scalar": lambda parts, _: _from_base64(parts[1], _checked_dtype(parts[0]))[0],
}
ATOM_TAGS = frozenset(_ATOM_UNPACKERS)
"""Tags of plain data that cannot change."""
