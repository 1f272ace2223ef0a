"""A fleet: engines that serve the same weights, addressed as one."""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import ray

from cluster.engine.named_weights import checkpoint_tensors, checksum
from cluster.types import STARTED_WITH, Completion, EngineSpec, GenerateRequest, Scored, ScoreRequest, Served

from .actors import EngineActor
from .prometheus import Exporter
from .settings import Settings
from .status import EngineStatus
from .supervisor import EnginesLostError, Say, Supervisor, Task


class Fleet:
    """Engines that serve one version of one model; those that die are replaced.

    Picklable: another process can drive it while it is `lent`. One process at a time watches over the engines.
    """

    def __init__(
        self, name: str, actors: Sequence[EngineActor], spec: EngineSpec, settings: Settings
    ) -> None:
        self.name = name
        self.spec = spec
        self.settings = settings
        self.say: Say = _say
        """Takes a line when something happens to an engine."""
        self._served = STARTED_WITH
        self._actors = list(actors)
        self._proven = False
        self._supervisor: Supervisor[EngineActor] | None = None

    @classmethod
    def start(cls, name: str, spec: EngineSpec, count: int, settings: Settings) -> "Fleet":
        """Create `count` engine actors, which load the model meanwhile: `wait` before using them."""
        return cls(name, [EngineActor.start(spec, settings.window) for _ in range(count)], spec, settings)

    def __getstate__(self) -> dict[str, Any]:
        assert self._supervisor is None, "it is watched over in this process: lend it"
        return self.__dict__

    @property
    def version(self) -> int:
        """Of what it serves."""
        return self._served.version

    @property
    def has_checkpoint(self) -> bool:
        """Whether it serves other weights than it has started with; an adapter leaves these as they are."""
        return self._served.method in ("publish", "load")

    @property
    def engines(self) -> list[Any]:
        """The actors that hold its places now."""
        if self._supervisor is None:
            return [actor.actor for actor in self._actors]
        return [slot.engine.actor for slot in self._supervisor.slots]

    def wait(self) -> "Fleet":
        """Itself, once every engine has loaded the model; later on those that are there do the work of those that are
        being replaced.

        Raises:
            EnginesLostError: too few engines could be placed or started.
        """
        if self._proven and self._supervisor is not None:
            return self
        try:
            self._watched().started().result()
        except EnginesLostError as error:
            raise EnginesLostError(f"{error}. {self._room()}") from None
        self._proven = True
        return self

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        """Sample every request under the fleet's current version; order kept."""
        completions: list[Completion] = self._each("generate", requests)
        assert all(c.version == self.version for c in completions)
        return completions

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Every completion's tokens (nats) under the current version; order kept."""
        return self._each("score", requests)

    def submit(
        self, method: Literal["generate", "score"], groups: Sequence[Sequence[Any]]
    ) -> list[Future[list[Any]]]:
        """Have each group of requests answered by one engine, under the current version; groups keep their order."""
        tasks = [Task(method, group) for group in groups]
        self._watched().submit(tasks)
        return [task.answer for task in tasks]

    def publish(self, version: int, weights: Iterable[tuple[str, Any]]) -> None:
        """Send `weights` (checkpoint name, tensor) through the object store; return when all serve them."""
        tensors = list(weights)
        self._serve(Served(version, "publish", (version, ray.put(tensors)), checksum(tensors)))

    def load(self, folder: Path) -> None:
        """Serve the safetensors checkpoint in `folder`, which every engine's node can read."""
        version = self.version + 1
        self._serve(Served(version, "load", (version, str(folder)), checksum(checkpoint_tensors(folder))))

    def adapt(self, version: int, folder: Path) -> None:
        """Serve the model that engines have started with under the PEFT adapter in `folder`, which every engine's node
        can read for as long as it is served."""
        self._serve(
            Served(version, "adapt", (version, str(folder.absolute())), checksum(checkpoint_tensors(folder)))
        )

    def reset(self) -> None:
        """Serve the model that the engines have started with, as version 0."""
        self._serve(STARTED_WITH)

    @contextmanager
    def lent(self) -> Generator["Fleet"]:
        """For another process to drive meanwhile; afterwards it serves the model that it has started with."""
        self._stop_watching()
        yield self
        self._served = STARTED_WITH
        self.wait()

    def shutdown(self) -> None:
        """End the engines and give their memory back."""
        self._stop_watching()
        for actor in self._actors:
            actor.kill()
        self._actors = []

    def status(self) -> list[EngineStatus]:
        """What each engine is doing, at its last heartbeat; while it is lent only its driver knows."""
        return [] if self._supervisor is None else self._supervisor.status()

    def _watched(self) -> Supervisor[EngineActor]:
        if self._supervisor is None:
            self._supervisor = Supervisor(
                self.name,
                self._actors,
                self._replacement,
                STARTED_WITH,
                self.settings,
                self.say,
                self._proven,
                Exporter(self.name),
            )
        return self._supervisor

    def _replacement(self) -> EngineActor:
        return EngineActor.start(self.spec, self.settings.window)

    def _stop_watching(self) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
            self._actors = [slot.engine for slot in self._supervisor.slots]
            self._supervisor = None

    def _serve(self, served: Served) -> None:
        self._watched().serve(served).result()
        self._served = served

    def _each(self, method: Literal["generate", "score"], requests: Sequence[Any]) -> list[Any]:
        """Engines take the next chunk when they finish one, so that a slow one does not hold the others up."""
        size = max(1, min(4 * self.spec.max_num_seqs, -(-len(requests) // len(self.engines))))
        chunks = [requests[i : i + size] for i in range(0, len(requests), size)]
        return [item for answer in self.submit(method, chunks) for item in answer.result()]

    def _room(self) -> str:
        free = ray.available_resources()
        return (
            f"Each of its {len(self._actors)} engines asks for {self.spec.num_cpus:g} CPU and {self.spec.num_gpus:g} "
            f"GPU; free in the cluster: {free.get('CPU', 0):g} CPU, {free.get('GPU', 0):g} GPU. Ask for fewer engines, "
            "or raise cluster.timeout if the machine is only slow"
        )


def _say(message: str) -> None:
    print(message, flush=True)
