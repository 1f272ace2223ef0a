"""The process that runs the tests: it holds them and the verdict, and asks the answer's process for results.

The answer's process only ever says the result of a request. Plain data is compared here. An object
of the answer is equal to no plain data, whatever it says; if two objects of the answer are compared with each
other, or calculated with in a class that the tests name, the verdict says that it rests on the answer's own word.
"""

import builtins
import socket
import sys
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from unittest import TestCase

from reward.types import GradeReason, Verdict

from . import access, proxies
from .answer_process import fresh_main
from .comparer import Comparer
from .counted_checks import COUNTER, InvalidTests, Program, compile_tests
from .data import Node
from .exchange import Exchange
from .namespace import Main, Namespace, is_pass_of_unittest
from .peer import Peer
from .wire import Wire

Outcome = tuple[Verdict, GradeReason | None]

_ALIASES = {"np": "numpy", "pd": "pandas", "sp": "sympy"}
_MODULES = (sys.stdlib_module_names | {*_ALIASES.values()}) - {
    *("antigravity", "this", "idlelib", "turtledemo", "lib2to3", "ensurepip", "venv", "distutils", "turtle"),
}
_FUNCTIONS = (FunctionType, MethodType)
_SILENT_ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)
_SPECIAL_ATTRIBUTES = frozenset(
    {
        *(
            "__annotations__",
            "__defaults__",
            "__dict__",
            "__doc__",
            "__init__",
            "__kwdefaults__",
            "__members__",
        ),
        *("__name__", "__qualname__", "__slots__", "__wrapped__", "__version__", "__isabstractmethod__"),
        *proxies.OPERATIONS,
    }
)
"""Special names of the answer's objects that tests may ask for."""


class Referee(Comparer):
    """Runs tests against the answer at the other end of a wire."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.touches = 0
        """How often the tests used a name of the answer."""
        self.checks = 0
        """How many checks of the tests ran without failing."""
        self.has_failed = False
        """Whether a check failed that the answer could hide from the tests."""
        self.was_out_of_memory = False
        self.derives_from_answer = False
        """Whether the tests tried to derive a class from one of the answer's."""
        self._lent_checks: set[CodeType] = set()
        self._checked: set[CodeType] = set()
        self._members: dict[str, set[str]] = {}

    def judge(self, source: str, tests: str) -> Outcome | None:
        """Loads an answer and runs its tests; None if the answer's process is gone."""
        try:
            program = compile_tests(tests)
        except InvalidTests:
            return Verdict.UNDECIDED, "invalid_gold"
        self._members = program.members
        passed = self._load(source) and self._run(program)
        if self.is_gone:
            return None
        if self.derives_from_answer:
            return Verdict.UNDECIDED, "invalid_gold"
        if self.was_out_of_memory and not passed:
            return Verdict.UNDECIDED, "memory"
        if not passed or self.is_broken or self.has_failed:
            return Verdict.DIFFERENT, "test_failed"
        if not self.checks or not self.touches:
            return Verdict.UNDECIDED, "no_assertion"
        rests_on_answer = self.rests_on_answer or program.runs_text or not self._lent_checks <= self._checked
        return Verdict.EQUAL, "own_word" if rests_on_answer else None

    def _load(self, source: str) -> bool:
        try:
            self.ask("load", source)
        except BaseException:  # noqa: BLE001 (whatever the answer raises is its failure)
            return False
        return True

    def _run(self, program: Program) -> bool:
        namespace = Namespace(program.names, self.fetch, self.count)
        main = fresh_main()
        sys.modules["__main__"] = Main(main, namespace)
        try:
            exec(program.code, namespace)  # noqa: S102
        except SystemExit as error:
            return is_pass_of_unittest(error)
        except MemoryError:
            self.was_out_of_memory = True
            return False
        except BaseException:  # noqa: BLE001 (whatever the tests raise is a failure)
            return False
        return True

    def count(self) -> None:
        """Notes that a check of the tests ran without failing."""
        self.checks += 1
        self._checked.add(sys._getframe(1).f_code)

    def fetch(self, name: str) -> Any:
        """What the answer calls by a name; raises KeyError if it has none."""
        if (module := self._module_meant(name)) is not None:
            return module
        found = self.ask("fetch", name)
        if type(found) is not tuple or len(found) != 1:
            raise KeyError(name)
        value = found[0]
        if isinstance(value, ModuleType):
            if value.__name__ not in (name, _ALIASES.get(name)):
                raise KeyError(name)
            return value
        self.touches += 1
        self.name(value)
        return value

    def _module_meant(self, name: str) -> ModuleType | None:
        """The library that the tests use but leave the answer to import, whatever the answer has by its name."""
        path = _ALIASES.get(name, name)
        if path not in _MODULES or not (members := self._members.get(name)):
            return None
        module = self.module(path)
        return module if all(hasattr(module, member) for member in members) else None

    def pack_object(self, value: Any, exchange: Exchange) -> Node:
        # A check that failed: a callback for errors, such as one of an ExitStack, could swallow it.
        self.has_failed |= isinstance(value, AssertionError) and value.__traceback__ is not None
        return super().pack_object(value, exchange)

    def perform(self, action: str, parts: tuple[Any, ...]) -> Any:
        try:
            return self._perform(action, parts)
        except AssertionError:
            self.has_failed = True  # whether or not the answer lets it through
            raise

    def _perform(self, action: str, parts: tuple[Any, ...]) -> Any:
        match action, parts:
            case "input", (prompt,):
                return builtins.input(prompt)
            case "readline", ():
                return sys.stdin.readline()
            case "read", ():
                return sys.stdin.read()
        value, *rest = parts
        # What it can name itself, such as a builtin class, is not the answer's to use here.
        if self.has_lent(value):
            match action, rest:
                case "call", (tuple(args), dict(kwargs)) if access.may_call(value):
                    return value(*args, **kwargs)
                case "signature", ():
                    return proxies.describe_signature(value)
                case "next", () if access.may_use(value, "__next__"):
                    return next(value)
                case "get", (str(name),) if access.may_use(value, name):
                    return getattr(value, name)
                case "set", (str(name), new) if access.may_set(value, name):
                    return setattr(value, name, new)
                case "do", (str(method), *args) if method in access.PERFORMED and access.may_use(
                    value, method
                ):
                    return getattr(type(value), method)(value, *args)
        raise AttributeError("the answer may not do this to an object of the tests")

    def print(self, text: str) -> None:
        if text:
            sys.stdout.write(text)

    def borne(self, error: BaseException, action: str) -> BaseException:
        self.was_out_of_memory |= isinstance(error, MemoryError)
        if isinstance(error, _SILENT_ENDS) and action != "next":
            # It would end a loop of the tests.
            return RuntimeError(f"the answer raised {type(error).__name__}")
        return error

    def may_lend(self, value: Any) -> None:
        if isinstance(value, TestCase | Namespace | Peer | Main | Wire):
            raise TypeError(f"an answer cannot be given a {type(value).__name__}")
        members = vars(value).values() if isinstance(value, type) else (value,)
        codes = {getattr(member, "__code__", None) for member in members if isinstance(member, _FUNCTIONS)}
        self._lent_checks |= {code for code in codes if code is not None and COUNTER in code.co_names}

    def subclassed(self, kind: type) -> TypeError:
        self.derives_from_answer = True
        return super().subclassed(kind)

    def library_path(self, value: Any) -> tuple[str, str] | None:
        return access.library_path(value)  # which would show it what the tests hold if it ran here

    def module(self, name: str) -> ModuleType:
        parts = name.split(".")
        if any(part.startswith("_") for part in parts) or parts[0] not in _MODULES:
            raise KeyError(name)
        __import__(name)
        return sys.modules[name]

    def get(self, proxy: Any, name: str) -> Any:
        if name.startswith("__") and name not in _SPECIAL_ATTRIBUTES:
            # Libraries ask for such names, and would let the answer compare.
            raise AttributeError(name)
        value = self.ask("get", proxy, name)
        if isinstance(proxy, type) and self.is_named(proxy):
            self.name(value)
        return value


def serve(end: socket.socket, source: str, tests: str) -> Outcome | None:
    """The verdict on an answer that the process at the other end of a socket runs; None if that is gone."""
    return Referee(Wire(end)).judge(source, tests)
