"""What the answer may do to the objects and functions that the tests give it.

It knows them by number only. Through names with an underscore, frames or closures it could reach the tests.
"""

import inspect
import sys
from collections.abc import Iterator
from types import (
    BuiltinFunctionType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any
from unittest.mock import NonCallableMock

from . import proxies

PERFORMED = frozenset({*proxies.OPERATIONS, "__eq__", "__hash__", "__str__", "__repr__", "__format__"})
"""Special methods that the answer may call."""

_USABLE = {
    "builtins.generator": ("send", "throw", "close"),
    "_io.StringIO": ("read", "readline", "readlines", "write", "writelines", "getvalue", "seek", "flush"),
    "_io.BytesIO": ("read", "readline", "readlines", "write", "getvalue", "seek", "flush"),
    "random.Random": ("random", "randint", "choice", "choices", "shuffle", "sample", "uniform", "randrange"),
}
"""What an answer may use of objects of libraries that the tests give it, by their class."""
_METHODS = (MethodDescriptorType, WrapperDescriptorType)
_DATA_SLOTS = (property, MemberDescriptorType)


def may_use(value: Any, name: str) -> bool:
    """Whether the answer may use an attribute or special method of an object that the tests gave it."""
    if name.startswith("_") and name not in PERFORMED:
        return False
    kind = type(value)
    if is_own(value):
        return True
    if isinstance(value, NonCallableMock):
        # What tests check a mock with is in its class.
        return not hasattr(kind, name) or name in ("__call__", "__enter__", "__exit__")
    return name in _USABLE.get(f"{kind.__module__}.{kind.__name__}", ()) or (
        name in ("__iter__", "__next__") and isinstance(value, Iterator)
    )


def may_call(value: Any) -> bool:
    """Whether the answer may call what the tests gave it; of classes, only the tests' own."""
    # It is given an object's class too, and a `map` or an `attrgetter` made here runs what it likes.
    return not isinstance(value, type) or value.__module__ == "__main__"


def may_set(value: Any, name: str) -> bool:
    """Whether the answer may set an attribute of an object that the tests gave it: data, and no method."""
    if not is_own(value) or name.startswith("_"):
        return False
    default = inspect.getattr_static(type(value), name, None)
    return isinstance(default, _DATA_SLOTS) or not (callable(default) or hasattr(type(default), "__get__"))


def is_own(value: Any) -> bool:
    """Whether an object is of a class that the tests define."""
    return type(value).__module__ == "__main__" and not isinstance(value, type)


def library_path(value: Any) -> tuple[str, str] | None:
    """Module and name of a function or class of the standard library; None for others."""
    # Called here, `getattr` and the like would show the answer what the tests hold.
    owner = getattr(value, "__objclass__", None) if isinstance(value, _METHODS) else None
    if owner is not None:
        module, path = owner.__module__, f"{owner.__qualname__}.{value.__name__}"
    elif isinstance(value, FunctionType | BuiltinFunctionType | type):
        module, path = value.__module__, value.__qualname__
    else:
        return None
    if module is None or module.partition(".")[0] not in sys.stdlib_module_names or "<" in path:
        return None
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return (module, path) if found is value else None
