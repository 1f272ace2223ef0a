"""Stand-ins for objects of the other process, which forward every operation to it."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

BINARY = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul"),
    *("and", "or", "xor", "lshift", "rshift"),
)
ARITHMETIC = frozenset(f"__{side}{name}__" for name in BINARY for side in ("", "r", "i"))
ORDERINGS = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})
OPERATIONS = (
    *("__len__", "__iter__", "__next__", "__reversed__", "__contains__"),
    *("__getitem__", "__setitem__", "__delitem__", "__call__", "__enter__", "__exit__"),
    *("__bool__", "__int__", "__float__", "__complex__", "__index__", "__bytes__"),
    *("__abs__", "__neg__", "__pos__", "__invert__", "__round__", "__trunc__", "__floor__", "__ceil__"),
    *sorted(ORDERINGS),
    *sorted(ARITHMETIC),
)
"""Special methods that a stand-in has if the class of its object has them."""

_PEER, _DESCRIPTION = "<peer>", "<description>"


class Owner(Protocol):
    """Decides what a use of a stand-in means and asks the other process for it; the peer is one."""

    def ask(self, action: str, *parts: Any) -> Any: ...

    def get(self, proxy: Any, name: str) -> Any: ...

    def equals(self, proxy: Any, other: Any) -> Any: ...

    def hash_of(self, proxy: Any) -> int: ...

    def operate(self, proxy: Any, name: str, args: tuple[Any, ...]) -> Any: ...

    def subclassed(self, kind: type) -> TypeError: ...


class BorrowedClass(type):
    """Stands for a class of the other process."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any
    ) -> "BorrowedClass":
        if _PEER not in namespace:
            borrowed = next(base for base in bases if isinstance(base, BorrowedClass))
            raise peer_of(borrowed).subclassed(borrowed)
        return super().__new__(cls, name, bases, namespace)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return peer_of(cls).ask("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        return peer_of(cls).get(cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        peer_of(cls).ask("set", cls, name, value)

    def __delattr__(cls, name: str) -> None:
        peer_of(cls).ask("del", cls, name)

    def __iter__(cls) -> Any:
        return peer_of(cls).ask("do", cls, "__iter__")

    def __len__(cls) -> int:
        return peer_of(cls).ask("do", cls, "__len__")

    def __contains__(cls, item: Any) -> bool:
        return peer_of(cls).ask("do", cls, "__contains__", item)

    def __getitem__(cls, key: Any) -> Any:
        return peer_of(cls).ask("do", cls, "__getitem__", key)

    def __bool__(cls) -> bool:
        return True

    @property
    def __signature__(cls) -> inspect.Signature:
        return signature(cls)


class Borrowed:
    """Stands for an object of the other process; its subclasses stand for the classes of such objects."""

    def __getattr__(self, name: str) -> Any:
        return peer_of(self).get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(self, BaseException) and name.startswith("__"):
            object.__setattr__(self, name, value)
        else:
            peer_of(self).ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        peer_of(self).ask("del", self, name)

    def __eq__(self, other: object) -> Any:
        return peer_of(self).equals(self, other)

    def __ne__(self, other: object) -> Any:
        equal = peer_of(self).equals(self, other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        return peer_of(self).hash_of(self)

    def __str__(self) -> str:
        return peer_of(self).ask("do", self, "__str__")

    def __repr__(self) -> str:
        return peer_of(self).ask("do", self, "__repr__")

    def __format__(self, form: str) -> str:
        return peer_of(self).ask("do", self, "__format__", form)

    def __dir__(self) -> list[str]:
        return peer_of(self).ask("do", self, "__dir__")

    def __copy__(self) -> Any:
        return peer_of(self).ask("copy", self)

    def __deepcopy__(self, memo: object) -> Any:
        return peer_of(self).ask("deepcopy", self)

    @property
    def __dict__(self) -> dict[str, Any]:
        return peer_of(self).get(self, "__dict__")


class BorrowedFunction:
    """Stands for a function or method of the other process."""

    def __init__(self, peer: Owner, name: str) -> None:
        vars(self).update({_PEER: peer, "__name__": name, "__qualname__": name})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return peer_of(self).ask("call", self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return peer_of(self).get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        peer_of(self).ask("set", self, name, value)

    def __copy__(self) -> "BorrowedFunction":
        return self

    def __deepcopy__(self, memo: object) -> "BorrowedFunction":
        return self

    @property
    def __doc__(self) -> Any:
        return peer_of(self).get(self, "__doc__")

    @property
    def __signature__(self) -> inspect.Signature:
        return signature(self)


def peer_of(proxy: Any) -> Owner:
    """The peer through which a stand-in reaches its object."""
    owner = proxy if isinstance(proxy, type) else type(proxy)
    if owner is BorrowedFunction:
        return object.__getattribute__(proxy, "__dict__")[_PEER]
    return type.__getattribute__(owner, _PEER)


def description_of(kind: type) -> dict[str, Any]:
    """What the other process said of a class when it was borrowed."""
    return type.__getattribute__(kind, _DESCRIPTION)


def make_class(peer: Owner, description: dict[str, Any]) -> BorrowedClass:
    """A stand-in for a class that a peer sends; raises one of UNREADABLE if it describes none."""
    description = {key: description[key] for key in ("name", "module", "bases", "methods", *_FACTS)}
    methods = [name for name in description["methods"] if name in OPERATIONS]
    bases: list[type] = [
        base
        for base in description["bases"]
        if type(base) is BorrowedClass or (isinstance(base, type) and issubclass(base, BaseException))
    ]
    if not any(type(base) is BorrowedClass for base in bases):
        bases.insert(0, Borrowed)
    namespace: dict[str, Any] = {name: _method(peer, name) for name in methods}
    namespace |= {_PEER: peer, _DESCRIPTION: description, "__module__": str(description["module"])}
    if (plain := _SUBCLASSED.get(description["plain"])) is not None:
        # For `isinstance`; the class itself has no such base, whose methods would find no data.
        like = type(str(description["name"]), (plain,), {})
        namespace["__class__"] = property(lambda _: like)
    return BorrowedClass(str(description["name"]), tuple(bases), namespace)


def make_instance(kind: Any) -> Any:
    """A stand-in for an object of a class."""
    return kind.__new__(kind)


def signature(proxy: Any) -> inspect.Signature:
    """The signature of a function or class of the other process, without its annotations."""
    parameters = peer_of(proxy).ask("signature", proxy)
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=_default(*rest)) for name, kind, *rest in parameters]
    )


def describe_signature(function: Any) -> list[tuple[Any, ...]]:
    """What `signature` reads: name, kind and, if it has one, default of each parameter."""
    return [
        (parameter.name, int(parameter.kind))
        + (() if parameter.default is parameter.empty else (parameter.default,))
        for parameter in inspect.signature(function).parameters.values()
    ]


def has_method(kind: type, name: str) -> bool:
    """Whether a class, or one that it derives from, defines a special method."""
    return any(vars(base).get(name) is not None for base in kind.__mro__ if base is not object)


_SUBCLASSED = {
    kind.__name__: kind
    for kind in (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
}
_FACTS = ("compares", "hashes", "plain")


def _default(default: Any = inspect.Parameter.empty) -> Any:
    return default


def _method(peer: Owner, name: str) -> Callable[..., Any]:
    if name == "__call__":
        return lambda self, *args, **kwargs: peer.ask("call", self, args, kwargs)
    if name == "__next__":
        return lambda self: peer.ask("next", self)
    return lambda self, *args: peer.operate(self, name, args)
