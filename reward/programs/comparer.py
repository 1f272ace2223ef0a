"""What the tests learn of the answer's objects when they compare them, order them and calculate with them.

An object of the answer is never shown what the tests expect before it has said what it is.
"""

from typing import Any

from . import data, proxies
from .peer import Peer
from .proxies import Borrowed, BorrowedClass
from .wire import Wire

_DIFFERENCES = frozenset({"__sub__", "__rsub__", "__isub__", "__truediv__", "__rtruediv__", "__itruediv__"})
_TO_NUMBERS = frozenset(
    {"__abs__", "__float__", "__int__", "__index__", "__complex__", "__round__", "__bool__", "__len__"}
)


class Comparer(Peer):
    """Compares the answer's objects, by their data if they have any, and notes if they had to judge themselves."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.rests_on_answer = False
        """Whether an object of the answer has judged another."""
        self._named: set[type] = set()
        self._made: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._plain_values: dict[int, Any] = {}
        self._changing_values: dict[int, Any] = {}
        self._told: set[int] = set()
        self._distances: set[int] = set()

    def name(self, value: Any) -> None:
        """Notes that the tests name a class, if it is one."""
        if isinstance(value, BorrowedClass):
            self._named.add(value)

    def is_named(self, kind: type) -> bool:
        """Whether the tests name a class, or one that it derives from."""
        return not self._named.isdisjoint(kind.__mro__[:-1])

    def ask(self, action: str, *parts: Any) -> Any:
        if action != "plain":
            self._changing_values.clear()
        result = super().ask(action, *parts)
        if action == "call" and isinstance(parts[0], BorrowedClass) and isinstance(result, Borrowed):
            # A class that makes one object of all arguments makes all results identical.
            first = self._made.setdefault(id(result), (result, parts))
            self.rests_on_answer |= first[1] != parts
        return result

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
            if name not in _TO_NUMBERS:
                return result
            self.rests_on_answer |= id(proxy) in self._distances
            return self._not_told(proxy, result)
        if name in proxies.ORDERINGS and isinstance(args[0], Borrowed) and self._is_plain(args[0]):
            args = (self._plain(args[0]),)
        if not isinstance(args[0], Borrowed):
            return self._operate_on_plain(proxy, name, args)
        self._tell(proxy, args[0])
        result = self.ask("do", proxy, name, *args)
        # The other object may be what the tests expect.
        self.rests_on_answer |= name in proxies.ORDERINGS or not isinstance(result, Borrowed)
        if name in _DIFFERENCES or not self._distances.isdisjoint((id(proxy), id(args[0]))):
            self._distances.add(id(result))
        return result if name in proxies.ORDERINGS else self._not_told(proxy, result)

    def _contains(self, proxy: Any, item: Any) -> Any:
        if self._is_plain(proxy):
            return (self._plain(item) if self._is_plain_borrowed(item) else item) in self._plain(proxy)
        if not self.is_named(type(proxy)) and (
            not isinstance(item, Borrowed) or hasattr(type(proxy), "__iter__")
        ):
            return any(part is item or part == item for part in proxy)
        self.rests_on_answer = True
        return self.ask("do", proxy, "__contains__", item)

    def _operate_on_plain(self, proxy: Any, name: str, args: tuple[Any, ...]) -> Any:
        if self._is_plain(proxy) and not (name in proxies.ARITHMETIC and self.is_named(type(proxy))):
            value = self._plain(proxy)
            method = getattr(type(value), name, None)
            return NotImplemented if method is None else method(value, *args)
        if name in proxies.ORDERINGS or not self.is_named(type(proxy)):
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
