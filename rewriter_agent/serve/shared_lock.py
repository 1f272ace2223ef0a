"""A lock that many may share, or one may have alone."""

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition


class SharedLock:
    """Lock of threads; a thread that comes after a request for exclusive use waits for its end."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._users = 0
        self.is_reserved = False
        """Whether somebody uses it alone, or waits to."""

    @contextmanager
    def shared(self) -> Generator[None]:
        """Use it inside the block, as others may."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_reserved)
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Use it inside the block alone, once the present users have ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_reserved)
            self.is_reserved = True
            self._changed.wait_for(lambda: not self._users)
        try:
            yield
        finally:
            with self._changed:
                self.is_reserved = False
                self._changed.notify_all()
