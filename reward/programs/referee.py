"""The process that runs the tests: it holds them and the verdict, and asks the answer's process for results.

What the answer's process says is only ever the result of what was asked. Plain data is compared here. An object
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

from . import access, data, proxies
from .data import Node
from .evidence import COUNTER, InvalidTests, Program, compile_tests
from .exchange import Exchange
from .namespace import Main, Namespace, is_pass_of_unittest
from .peer import Peer
from .performer import fresh_main
from .proxies import Borrowed, BorrowedClass
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
_DIFFERENCES = frozenset({"__sub__", "__rsub__", "__isub__", "__truediv__", "__rtruediv__", "__itruediv__"})
_TO_NUMBERS = frozenset(
    {"__abs__", "__float__", "__int__", "__index__", "__complex__", "__round__", "__bool__"}
)


class Referee(Peer):
    """Runs tests against the answer at the other end of a wire."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.touches = 0
        """How often the tests used a name of the answer."""
        self.checks = 0
        """How many checks of the tests ran without failing."""
        self.rests_on_answer = False
        """Whether an object of the answer has judged another."""
        self.has_failed = False
        """Whether a check failed that the answer could hide from the tests."""
        self.was_out_of_memory = False
        self.derives_from_answer = False
        """Whether the tests tried to derive a class from one of the answer's."""
        self._named: set[type] = set()
        self._plain_values: dict[int, Any] = {}
        self._changing_values: dict[int, Any] = {}
        self._made: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._told: set[int] = set()
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
        self._name(value)
        return value

    def _module_meant(self, name: str) -> ModuleType | None:
        """The library that the tests use but leave the answer to import, whatever the answer has by its name."""
        path = _ALIASES.get(name, name)
        if path not in _MODULES or not (members := self._members.get(name)):
            return None
        module = self.module(path)
        return module if all(hasattr(module, member) for member in members) else None

    def ask(self, action: str, *parts: Any) -> Any:
        if action != "plain":
            self._changing_values.clear()
        result = super().ask(action, *parts)
        if action == "call" and isinstance(parts[0], BorrowedClass) and isinstance(result, Borrowed):
            # A class that makes one object of all arguments makes all results identical.
            first = self._made.setdefault(id(result), (result, parts))
            self.rests_on_answer |= first[1] != parts
        return result

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
        if isinstance(proxy, type) and proxy in self._named:
            self._name(value)
        return value

    def equals(self, proxy: Any, other: Any) -> Any:
        if proxy is other:
            self.rests_on_answer = True  # it may give one object for all
            return True
        kind = proxies.description_of(type(proxy))
        if isinstance(other, Borrowed):
            if self._is_plain(proxy) and self._is_plain(other):
                return self._plain(proxy) == self._plain(other)
            return self._are_equal(proxy, other, bool(kind["compares"]))
        if type(other) not in data.PLAIN and not data.is_array(other):
            return NotImplemented
        return self._plain(proxy) == other if self._is_plain(proxy) else False

    def hash_of(self, proxy: Any) -> int:
        kind = proxies.description_of(type(proxy))
        if kind["hashes"] is None:
            raise TypeError(f"unhashable type: {type(proxy).__name__!r}")
        if kind["plain"]:
            return hash(self._plain(proxy))
        return self.ask("do", proxy, "__hash__") if kind["hashes"] else object.__hash__(proxy)

    def operate(self, proxy: Any, name: str, args: tuple[Any, ...]) -> Any:
        if name == "__exit__":
            return self._leave(proxy, *args)
        if name == "__contains__":
            return self._contains(proxy, *args)
        if name not in proxies.ORDERINGS and name not in proxies.ARITHMETIC:
            result = self.ask("do", proxy, name, *args)
            return self._not_told(proxy, result) if name in _TO_NUMBERS else result
        if name in proxies.ORDERINGS and isinstance(args[0], Borrowed) and self._is_plain(args[0]):
            args = (self._plain(args[0]),)
        if not isinstance(args[0], Borrowed):
            return self._operate_on_plain(proxy, name, args)
        self._tell(proxy, args[0])
        result = self.ask("do", proxy, name, *args)
        # An object of another value may be what the tests expect.
        self.rests_on_answer |= not isinstance(result, Borrowed)
        return result if name in proxies.ORDERINGS else self._not_told(proxy, result)

    def _contains(self, proxy: Any, item: Any) -> Any:
        if self._is_plain(proxy):
            return (self._plain(item) if self._is_plain_borrowed(item) else item) in self._plain(proxy)
        if not self._is_named(proxy) and (not isinstance(item, Borrowed) or hasattr(type(proxy), "__iter__")):
            return any(part is item or part == item for part in proxy)
        self.rests_on_answer = True
        return self.ask("do", proxy, "__contains__", item)

    def _operate_on_plain(self, proxy: Any, name: str, args: tuple[Any, ...]) -> Any:
        if self._is_plain(proxy) and not (name in proxies.ARITHMETIC and self._is_named(proxy)):
            value = self._plain(proxy)
            method = getattr(type(value), name, None)
            return NotImplemented if method is None else method(value, *args)
        if name in proxies.ORDERINGS or not self._is_named(proxy):
            # The answer would learn what the tests expect before it says how its result compares.
            return NotImplemented
        self.rests_on_answer = True
        result = self.ask("do", proxy, name, *args)
        if name in _DIFFERENCES:
            self._told.add(id(proxy))
            return self._not_told(proxy, result)
        return result

    def _tell(self, one: Any, other: Any) -> None:
        if not self._told.isdisjoint((id(one), id(other))):
            self._told.update((id(one), id(other)))

    def _not_told(self, proxy: Any, result: Any) -> Any:
        """A result, unless the answer made it a number when it knew what the tests subtract from it."""
        if id(proxy) not in self._told:
            return result
        if result is not NotImplemented and not isinstance(result, Borrowed):
            raise TypeError("an object of the answer cannot say how far it is from plain data")
        self._told.add(id(result))
        return result

    def _are_equal(self, proxy: Any, other: Any, has_own: bool) -> Any:
        if not has_own:
            return NotImplemented if proxies.description_of(type(other))["compares"] else False
        self.rests_on_answer = True
        equal = self.ask("do", proxy, "__eq__", other)
        if equal is not True:
            return equal
        return not self._says_equal(proxy, object()) and not self._says_equal(proxy, None)

    def _says_equal(self, proxy: Any, other: Any) -> bool:
        try:
            return self.ask("do", proxy, "__eq__", other) is True
        except Exception:  # noqa: BLE001 (an honest class may know its own kind only)
            return False

    def _leave(self, proxy: Any, kind: Any, error: Any, trace: Any) -> bool:
        if isinstance(error, AssertionError):
            self.ask("do", proxy, "__exit__", AssertionError, AssertionError(), None)
            return False
        suppresses = self.ask("do", proxy, "__exit__", kind, error, None) is True and error is not None
        self.rests_on_answer |= suppresses
        return suppresses

    def _is_plain_borrowed(self, value: Any) -> bool:
        return isinstance(value, Borrowed) and self._is_plain(value)

    def _is_plain(self, proxy: Any) -> bool:
        return bool(proxies.description_of(type(proxy))["plain"])

    def _plain(self, proxy: Any) -> Any:
        for known in (self._plain_values, self._changing_values):
            if id(proxy) in known:
                return known[id(proxy)]
        value = self.ask("plain", proxy)
        if type(value).__name__ != proxies.description_of(type(proxy))["plain"]:
            return object()
        # What cannot change the answer says once, all else once as long as nothing runs there.
        known = self._changing_values if type(value) in data.MUTABLE else self._plain_values
        known[id(proxy)] = value
        return value

    def _name(self, value: Any) -> None:
        if isinstance(value, BorrowedClass):
            self._named.add(value)

    def _is_named(self, proxy: Any) -> bool:
        return not self._named.isdisjoint(type(proxy).__mro__[:-1])


def serve(end: socket.socket, source: str, tests: str) -> Outcome | None:
    """The verdict on an answer that the process at the other end of a socket runs; None if that is gone."""
    return Referee(Wire(end)).judge(source, tests)
