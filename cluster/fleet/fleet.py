"""A fleet: engines that serve the same weights, addressed as one."""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import ray

from cluster.engine.named_weights import checkpoint_tensors, checksum
from cluster.types import (
    BASE_WEIGHTS,
    Completion,
    EngineSpec,
    GenerateRequest,
    LogLine,
    Scored,
    ScoreRequest,
    WeightSpec,
)

from .actors import EngineActor
from .prometheus import PrometheusExporter
from .settings import FleetSettings
from .status import EngineStatus
from .supervisor import EnginesLostError, EnginesNotStartedError, Supervisor, Task


class Fleet:
    """Engines that serve one version of one model; lost engines are replaced.

    A fleet is picklable: another process can use it inside `transfer`. One process at a time supervises the engines.
    """

    def __init__(
        self, name: str, actors: Sequence[EngineActor], spec: EngineSpec, settings: FleetSettings
    ) -> None:
        self.name = name
        self.spec = spec
        self.settings = settings
        self.log: LogLine = _print
        """Receives a line when an engine is lost, or the fleet pauses or resumes."""
        self._weights = BASE_WEIGHTS
        self._actors = list(actors)
        self._proven = False
        self._supervisor: Supervisor[EngineActor] | None = None

    @classmethod
    def start(cls, name: str, spec: EngineSpec, count: int, settings: FleetSettings) -> "Fleet":
        """Create `count` engine actors, which load the model in the background; call `wait` before use."""
        return cls(name, [EngineActor.start(spec, settings.window) for _ in range(count)], spec, settings)

    def __getstate__(self) -> dict[str, Any]:
        assert self._supervisor is None, "the fleet is supervised in this process: transfer it first"
        return self.__dict__

    @property
    def version(self) -> int:
        """Version of the weights being served."""
        return self._weights.version

    @property
    def has_checkpoint(self) -> bool:
        """Whether a checkpoint has replaced the base weights; an adapter leaves them unchanged."""
        return self._weights.method in ("publish", "load")

    @property
    def engines(self) -> list[Any]:
        """Current actor of each replica."""
        if self._supervisor is None:
            return [actor.actor for actor in self._actors]
        return [replica.engine.actor for replica in self._supervisor.replicas]

    def wait(self) -> "Fleet":
        """Wait until every engine has loaded the model, and return self.

        Later calls return at once: the remaining engines do the work of lost ones.

        Raises:
            EnginesLostError: too few engines could be placed or started.
        """
        if self._proven and self._supervisor is not None:
            return self
        try:
            self._supervised().started().result()
        except EnginesNotStartedError:
            raise
        except EnginesLostError as error:
            raise EnginesLostError(f"{error}. {self._capacity()}") from None
        self._proven = True
        return self

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        """Sample a completion for every request under the current version, in order."""
        completions: list[Completion] = self._map("generate", requests)
        assert all(c.version == self.version for c in completions)
        return completions

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Score the tokens of every completion (nats) under the current version, in order."""
        return self._map("score", requests)

    def submit(
        self, method: Literal["generate", "score"], groups: Sequence[Sequence[Any]]
    ) -> list[Future[list[Any]]]:
        """Send each group of requests to one engine, under the current version; returns futures in order."""
        tasks = [Task(method, group) for group in groups]
        self._supervised().submit(tasks)
        return [task.answer for task in tasks]

    def publish(self, version: int, weights: Iterable[tuple[str, Any]]) -> None:
        """Send `weights` (checkpoint name, tensor) through the object store; return when all engines serve them."""
        tensors = list(weights)
        self._serve(WeightSpec(version, "publish", (version, ray.put(tensors)), checksum(tensors)))

    def load(self, folder: Path) -> None:
        """Serve the safetensors checkpoint in `folder`, which every engine's node must be able to read."""
        version = self.version + 1
        self._serve(WeightSpec(version, "load", (version, str(folder)), checksum(checkpoint_tensors(folder))))

    def load_lora(self, version: int, folder: Path) -> None:
        """Serve the PEFT adapter in `folder` on the base weights.

        Every engine's node must be able to read the folder as long as the adapter is served, for restarts.
        """
        self._serve(
            WeightSpec(
                version, "load_lora", (version, str(folder.absolute())), checksum(checkpoint_tensors(folder))
            )
        )

    def reset_to_base(self) -> None:
        """Serve the base weights, with which the engines have started, as version 0."""
        self._serve(BASE_WEIGHTS)

    def sleep(self) -> None:
        """Have the engines free their GPUs; each wakes up when it is called next."""
        self._supervised().sleep().result()

    @contextmanager
    def transfer(self) -> Generator["Fleet"]:
        """Hand the fleet over to another process inside the block; afterwards it serves the base weights again."""
        self._stop_supervisor()
        try:
            yield self
        finally:
            # The next supervisor resets the engines to them, whatever the other process has left.
            self._weights = BASE_WEIGHTS
        self.wait()

    def shutdown(self) -> None:
        """Kill the engines and free their memory."""
        self._stop_supervisor()
        for actor in self._actors:
            actor.kill()
        self._actors = []

    def status(self) -> list[EngineStatus]:
        """Status of each engine at its last heartbeat; empty while another process supervises the fleet."""
        return [] if self._supervisor is None else self._supervisor.status()

    def _supervised(self) -> Supervisor[EngineActor]:
        if self._supervisor is None:
            self._supervisor = Supervisor(
                self.name,
                self._actors,
                self._start_engine,
                BASE_WEIGHTS,
                self.settings,
                self.log,
                self._proven,
                PrometheusExporter(self.name),
            )
        return self._supervisor

    def _start_engine(self) -> EngineActor:
        return EngineActor.start(self.spec, self.settings.window)

    def _stop_supervisor(self) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
            self._actors = [replica.engine for replica in self._supervisor.replicas]
            self._supervisor = None

    def _serve(self, weights: WeightSpec) -> None:
        self._supervised().serve(weights).result()
        self._weights = weights

    def _map(self, method: Literal["generate", "score"], requests: Sequence[Any]) -> list[Any]:
        """Split the requests into chunks, which engines take as they become free: slow engines delay no others."""
        size = max(1, min(4 * self.spec.max_num_seqs, -(-len(requests) // len(self.engines))))
        chunks = [requests[i : i + size] for i in range(0, len(requests), size)]
        return [item for answer in self.submit(method, chunks) for item in answer.result()]

    def _capacity(self) -> str:
        free = ray.available_resources()
        return (
            f"Each of its {len(self._actors)} engines needs {self.spec.num_cpus:g} CPU and {self.spec.num_gpus:g} "
            f"GPU; free in the cluster: {free.get('CPU', 0):g} CPU, {free.get('GPU', 0):g} GPU. Request fewer engines, "
            "or raise cluster.timeout if the machine is only slow"
        )


def _print(message: str) -> None:
    print(message, flush=True)
