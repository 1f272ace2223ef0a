"""The backbone on engines that serve a policy as an adapter: a second fleet to its callers, and no engine more."""

from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from .fleet import Fleet
from .status import EngineStatus


class SharedFleet(Fleet):
    """Asks another fleet's engines for the weights beneath their adapter. Whoever has that fleet starts, lends and ends
    the engines."""

    def __init__(self, name: str, above: Fleet) -> None:
        super().__init__(name, [], above.spec, above.settings)
        self.above = above

    @property
    def version(self) -> int:
        """The other's: a candidate carries it, whoever is asked."""
        return self.above.version

    @property
    def engines(self) -> list[Any]:
        """The other's."""
        return self.above.engines

    def wait(self) -> "SharedFleet":
        """Itself, once the engines can be used, with the backbone's weights beneath."""
        self.above.wait()
        if self.above.has_checkpoint:
            self.above.reset()
        return self

    def submit(
        self, method: Literal["generate", "score"], groups: Sequence[Sequence[Any]]
    ) -> list[Future[list[Any]]]:
        """As the other's, of the backbone."""
        return self.above.submit(
            method, [[replace(request, of_backbone=True) for request in group] for group in groups]
        )

    def status(self) -> list[EngineStatus]:
        """The other's."""
        return self.above.status()

    @contextmanager
    def lent(self) -> Generator["SharedFleet"]:
        """With the other."""
        yield self
