"""The base model on engines that serve a policy as a LoRA adapter: a second fleet without engines of its own."""

from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from .fleet import Fleet
from .status import EngineStatus


class BaseModelView(Fleet):
    """View of a fleet that answers with the base weights, without the fleet's adapter.

    The owner of that fleet starts, transfers and stops the engines.
    """

    def __init__(self, name: str, fleet: Fleet) -> None:
        super().__init__(name, [], fleet.spec, fleet.settings)
        self.fleet = fleet

    @property
    def version(self) -> int:
        """Version of the underlying fleet, which every answer carries."""
        return self.fleet.version

    @property
    def engines(self) -> list[Any]:
        """Engines of the underlying fleet."""
        return self.fleet.engines

    def wait(self) -> "BaseModelView":
        """Wait for the engines, reset them to the base weights if they serve a checkpoint, and return self."""
        self.fleet.wait()
        if self.fleet.has_checkpoint:
            self.fleet.reset_to_base()
        return self

    def submit(
        self, method: Literal["generate", "score"], groups: Sequence[Sequence[Any]]
    ) -> list[Future[list[Any]]]:
        """Submit the groups to the underlying fleet, to be answered by the base model."""
        return self.fleet.submit(
            method, [[replace(request, use_base_model=True) for request in group] for group in groups]
        )

    def status(self) -> list[EngineStatus]:
        """Status of the underlying fleet."""
        return self.fleet.status()

    @contextmanager
    def transfer(self) -> Generator["BaseModelView"]:
        """Yield self; the underlying fleet has to be transferred as well."""
        yield self
