"""The process that runs an answer: it does what the referee asks, and knows neither the tests nor the verdict."""

import builtins
import copy
import importlib
import io
import operator
import socket
import sys
from types import ModuleType
from typing import Any

from . import data, proxies
from .data import Node
from .exchange import Exchange
from .peer import Peer
from .wire import Wire, WireError

_MAX_PRINTED = 1 << 20


class Performer(Peer):
    """Runs the answer's code in a module of its own and lends the referee its contents."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._namespace = vars(fresh_main())
        self._output = _Output()
        sys.stdout = self._output
        sys.stdin = _Input(self)
        vars(builtins)["input"] = lambda prompt="", /: self.ask("input", prompt)

    def perform(self, action: str, parts: tuple[Any, ...]) -> Any:
        match action, parts:
            case "load", (source,):
                exec(compile(source, "<answer>", "exec", dont_inherit=True), self._namespace)  # noqa: S102
                return None
            case "fetch", (name,):
                return (self._namespace[name],) if name in self._namespace else ()
            case "call", (function, args, kwargs):
                return function(*args, **kwargs)
            case "get", (value, name):
                attribute = getattr(value, name)
                return dict(attribute) if name == "__dict__" else attribute
            case "next", (value,):
                return next(value)
            case "do", (value, method, *args):
                return _do(value, method, args)
            case "plain", (value,):
                return _plain(value)
            case "signature", (function,):
                return proxies.describe_signature(function)
        return _CHANGES[action](*parts)

    def printed(self) -> str:
        return self._output.take()

    def borne(self, error: BaseException, action: str) -> BaseException:
        return error

    def may_lend(self, value: Any) -> None:
        """Lends everything: nothing here is the referee's."""

    def unpack_object(self, tag: str, parts: list[Node], exchange: Exchange) -> Any:
        if tag == "library":
            module, path = parts
            return operator.attrgetter(path)(importlib.import_module(module))
        return super().unpack_object(tag, parts, exchange)

    def function(self, name: str) -> Any:
        # A real function, for `functools.wraps` and `inspect` to take it as one.
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.ask("call", call, args, kwargs)

        call.__name__ = call.__qualname__ = name
        call.__doc__ = None
        return call


def serve(end: socket.socket) -> None:
    """Does what the referee at the other end of a socket asks until it is gone."""
    try:
        Performer(Wire(end)).serve()
    except WireError:
        return


def fresh_main() -> ModuleType:
    """A new `__main__`, by whose name dataclasses, pickle and unittest look up what a program defines."""
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv[:] = ["answer"]
    return module


def _do(value: Any, method: str, args: list[Any]) -> Any:
    if isinstance(value, type) and method == "__getitem__":
        return value[args[0]]
    return getattr(type(value), method)(value, *args)


def _plain(value: Any) -> Any:
    """The data in an object whose class derives from a plain type, by the methods of that type."""
    base = next(base for base in type(value).__mro__ if base in data.PLAIN)
    match base():
        case dict():
            return dict(dict.items(value))
        case list() | tuple() | set() | frozenset():
            return base(base.__iter__(value))
        case bytes() | bytearray():
            return base(memoryview(value))
        case str():
            return str.__str__(value)
        case int() | float():
            return base.__pos__(value)
    return copy.copy(value)


_CHANGES = {"set": setattr, "del": delattr, "copy": copy.copy, "deepcopy": copy.deepcopy}


class _Output(io.TextIOBase):
    """Keeps what the answer prints until the referee hears of it; no more than a megabyte in all."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._left = _MAX_PRINTED

    def write(self, text: str) -> int:
        self._parts.append(text[: self._left])
        self._left -= min(len(text), self._left)
        return len(text)

    def take(self) -> str:
        text = "".join(self._parts)
        self._parts.clear()
        return text

    def writable(self) -> bool:
        return True


class _Input(io.TextIOBase):
    """Standard input as the tests give it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def readline(self, size: int = -1) -> str:
        return self._peer.ask("readline")

    def read(self, size: int | None = -1) -> str:
        return self._peer.ask("read")

    def readable(self) -> bool:
        return True
