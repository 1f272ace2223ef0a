"""One of two processes that ask each other: its conversation, and the objects that it lends and borrows."""

import functools
import sys
from abc import ABC, abstractmethod
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from . import data, proxies
from .data import Node
from .exchange import UNREADABLE, Exchange, deep_recursion
from .proxies import BorrowedClass, BorrowedFunction
from .wire import Wire, WireError, WireGone

_FUNCTIONS = (
    *(BuiltinFunctionType, ClassMethodDescriptorType, FunctionType, MethodDescriptorType, MethodType),
    *(MethodWrapperType, WrapperDescriptorType, functools.partial, type(functools.lru_cache(len))),
)


class Peer(ABC):
    """Lends objects that are no plain data by number, and stands proxies in for those of the other process.

    At any time one process runs and the other waits: for the reply to what it asked, or for a question that comes
    first, such as a call of a function that it passed along.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lent: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._borrowed: dict[int, Any] = {}
        self._homes: dict[int, int] = {}
        self.is_broken = False
        """Whether the other process has sent something that is not a message."""
        self.is_gone = False
        """Whether the other process has ended or closed its end."""

    def ask(self, action: str, *parts: Any) -> Any:
        """What the other process replies to an action; raises what it says it raised."""
        exchange = Exchange(self)
        with deep_recursion():
            question = ["ask", action, exchange.pack(parts), self.printed()]
            known = exchange.known()
            self._send(question)
        while True:
            match self._receive():
                case ["ask", str(asked), node, str(text)]:
                    self.print(text)
                    self._reply(asked, node)
                case ["done" | "raised" as how, changes, node, str(text)]:
                    self.print(text)
                    result = self._read(exchange, known, changes, node)
                    break
                case _:
                    raise self._broken("a message of no known shape")
        if how == "done":
            return result
        if not isinstance(result, BaseException):
            raise self._broken("what was raised is no exception")
        raise self.borne(result, action) from None

    def serve(self) -> None:
        """Answers what the other process asks until that is gone."""
        while True:
            match self._receive():
                case ["ask", str(action), node, str(text)]:
                    self.print(text)
                    self._reply(action, node)
                case _:
                    raise self._broken("a message of no known shape")

    @abstractmethod
    def perform(self, action: str, parts: tuple[Any, ...]) -> Any:
        """Does what the other process asks."""

    @abstractmethod
    def borne(self, error: BaseException, action: str) -> BaseException:
        """What to raise here for an exception that the other process raised in an action."""

    def printed(self) -> str:
        """Output printed here since the last call."""
        return ""

    def print(self, text: str) -> None:  # noqa: B027 (most have no use for it)
        """Takes output printed in the other process."""

    @abstractmethod
    def may_lend(self, value: Any) -> None:
        """Raises TypeError if the other process may not use an object."""

    def module(self, name: str) -> ModuleType:
        """The module of this process that stands for one of the other; raises KeyError if there is none."""
        return sys.modules[name]

    def function(self, name: str) -> Any:
        """A stand-in for a function of the other process."""
        return BorrowedFunction(self, name)

    def subclassed(self, kind: type) -> TypeError:
        """The error if a class of the other process is made a base here."""
        return TypeError(f"{kind.__name__} is a class of another process, from which none can derive here")

    def library_path(self, value: Any) -> tuple[str, str] | None:
        """Module and name of a library's function that the other process shall call itself; None for others."""
        return None

    def get(self, proxy: Any, name: str) -> Any:
        """An attribute of an object of the other process."""
        return self.ask("get", proxy, name)

    def equals(self, proxy: Any, other: Any) -> Any:
        """Whether an object of the other process is equal to another."""
        return self.ask("do", proxy, "__eq__", other)

    def hash_of(self, proxy: Any) -> int:
        """The hash of an object of the other process."""
        return self.ask("do", proxy, "__hash__")

    def operate(self, proxy: Any, name: str, args: tuple[Any, ...]) -> Any:
        """What a special method of an object of the other process returns."""
        return self.ask("do", proxy, name, *args)

    def pack_object(self, value: Any, exchange: Exchange) -> Node:
        """The node of a value that is not plain data."""
        if id(value) in self._homes:
            return ["yours", self._homes[id(value)]]
        kind = type(value)
        if isinstance(value, ModuleType):
            return ["module", value.__name__]
        if (name := data.class_name(value)) is not None:
            return ["class", name]
        if (name := data.class_name(kind)) in data.ERRORS:
            return ["error", name, [exchange.pack(argument) for argument in value.args]]
        if (path := self.library_path(value)) is not None:
            return ["library", *path]
        self.may_lend(value)
        if isinstance(value, type):
            return ["kind", self._lend(value)]
        if isinstance(value, _FUNCTIONS):
            return ["function", self._lend(value), str(getattr(value, "__name__", kind.__name__))]
        return ["object", self._lend(value), self._lend(kind)]

    def unpack_object(self, tag: str, parts: list[Node], exchange: Exchange) -> Any:
        """The value of a node that `pack_object` of the other process made."""
        match tag, parts:
            case "yours", [int(number)] if number >= 0:
                return self._lent[number]
            case "module", [str(name)]:
                return self.module(name)
            case "class", [str(name)]:
                return (data.CLASSES | data.ERRORS)[name]
            case "error", [str(name), list(arguments)]:
                return data.make_error(name, [exchange.unpack(argument) for argument in arguments])
            case "kind", [int(number)]:
                return self._kind(number)
            case "function", [int(number), str(name)]:
                return (
                    self._borrowed[number]
                    if number in self._borrowed
                    else self._borrow(number, self.function(name))
                )
            case "object", [int(number), int(kind)]:
                return self._instance(number, kind)
        raise ValueError(f"node {tag!r} is unknown")

    def has_lent(self, value: Any) -> bool:
        """Whether an object is one that the other process was given."""
        return id(value) in self._numbers

    def _describe(self, kind: type) -> dict[str, Any]:
        return {
            "name": kind.__name__,
            "module": kind.__module__,
            "bases": [base for base in kind.__bases__ if base is not object and base not in data.PLAIN],
            "methods": [name for name in proxies.OPERATIONS if proxies.has_method(kind, name)],
            "compares": kind.__eq__ is not object.__eq__,
            "hashes": None if kind.__hash__ is None else kind.__hash__ is not object.__hash__,
            "plain": next((base.__name__ for base in kind.__mro__ if base in data.PLAIN), None),
        }

    def _lend(self, value: Any) -> int:
        number = self._numbers.setdefault(id(value), len(self._lent))
        if number == len(self._lent):
            self._lent.append(value)
        return number

    def _borrow(self, number: int, proxy: Any) -> Any:
        self._borrowed[number] = proxy
        self._homes[id(proxy)] = number
        return proxy

    def _kind(self, number: int) -> BorrowedClass:
        if number not in self._borrowed:
            self._borrow(number, proxies.make_class(self, self.ask("describe", number)))
        kind = self._borrowed[number]
        if type(kind) is not BorrowedClass:
            raise TypeError("not a class")
        return kind

    def _instance(self, number: int, kind: int) -> Any:
        if number not in self._borrowed:
            proxy = self._borrow(number, proxies.make_instance(self._kind(kind)))
            if isinstance(proxy, BaseException):
                BaseException.__setattr__(proxy, "args", self.ask("get", proxy, "args"))
        return self._borrowed[number]

    def _reply(self, action: str, node: Node) -> None:
        exchange = Exchange(self)
        try:
            with deep_recursion():
                parts = exchange.unpack(node)
        except UNREADABLE as error:
            raise self._broken("a question that cannot be read") from error
        exchange.remember()
        known = exchange.known()
        try:
            result = (
                self._describe(self._lent[parts[0]]) if action == "describe" else self.perform(action, parts)
            )
            with deep_recursion():
                reply = ["done", exchange.changes(), exchange.pack(result)]
        except WireError:
            raise
        except BaseException as error:  # noqa: BLE001 (whatever was raised is for the other process)
            exchange.forget(known)
            reply = self._raised(error, exchange)
        with deep_recursion():
            self._send([*reply, self.printed()])

    def _raised(self, error: BaseException, exchange: Exchange) -> list[Node]:
        known = exchange.known()
        try:
            with deep_recursion():
                return ["raised", exchange.changes(), exchange.pack(error)]
        except UNREADABLE:
            exchange.forget(known)
            return ["raised", [], exchange.pack(RuntimeError(f"{type(error).__name__}"))]

    def _read(self, exchange: Exchange, known: int, changes: Node, node: Node) -> Any:
        try:
            with deep_recursion():
                exchange.apply(changes, known)
                return exchange.unpack(node)
        except UNREADABLE as error:
            raise self._broken("a reply that cannot be read") from error

    def _receive(self) -> Node:
        try:
            with deep_recursion():
                return self._wire.receive()
        except WireGone:
            self.is_gone = True
            raise
        except WireError:
            self.is_broken = True
            raise

    def _send(self, message: Node) -> None:
        try:
            self._wire.send(message)
        except WireGone:
            self.is_gone = True
            raise

    def _broken(self, what: str) -> WireError:
        self.is_broken = True
        return WireError(f"the other process sent {what}")
