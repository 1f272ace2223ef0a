"""The global names of tests, and the module in which `unittest` looks for them."""

import builtins
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest.main import TestProgram

from .counted_checks import COUNTER, subject
from .proxies import BorrowedClass, BorrowedFunction

_EXITS_OF_UNITTEST = (TestProgram.__init__.__code__, TestProgram.runTests.__code__)


class Namespace(dict):
    """The tests' global names: their own, then the answer's, then builtins."""

    def __init__(self, names: set[str], fetch: Callable[[str], Any], count: Callable[[], None]) -> None:
        super().__init__({"__name__": "__main__", "__builtins__": builtins, COUNTER: count})
        self._fetch = fetch
        self._subject = subject(names)
        self._kept: dict[str, Any] = {}

    def __missing__(self, name: str) -> Any:
        if name[:2] == "__" or (hasattr(builtins, name) and name not in self._subject):
            raise KeyError(name)
        if name not in self._kept:
            value = self._fetch(name)
            if not isinstance(value, BorrowedFunction | BorrowedClass):
                return value  # which the next call may change
            self._kept[name] = value
        return self._kept[name]

    def get(self, name: object, default: Any = None) -> Any:
        """What `globals().get` finds."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return self.get(name, self) is not self


class Main(ModuleType):
    """Module in which `unittest` finds the tests' own names, and none of the answer's."""

    def __init__(self, main: ModuleType, namespace: Namespace) -> None:
        super().__init__("__main__")
        vars(self).update(vars(main), __namespace__=namespace)

    def __getattr__(self, name: str) -> Any:
        namespace = vars(self)["__namespace__"]
        if not dict.__contains__(namespace, name):
            raise AttributeError(name)
        return dict.__getitem__(namespace, name)

    def __dir__(self) -> list[str]:
        return [name for name in vars(self)["__namespace__"] if name != COUNTER]


def is_pass_of_unittest(error: SystemExit) -> bool:
    """Whether it is `unittest.main()`, called by the tests, that leaves after tests without a fault."""
    trace, ways = error.__traceback__, []
    while trace is not None:
        ways.append(trace.tb_frame.f_code)
        trace = trace.tb_next
    is_success = type(error.code) in (bool, int, type(None)) and not error.code
    callers = ways[1:-2]
    are_tests = all(code.co_filename == "<tests>" for code in callers)
    return is_success and (*ways[-2:],) == _EXITS_OF_UNITTEST and bool(callers) and are_tests
