"""A fleet: engines that serve the same weights, addressed as one."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import GetTimeoutError

from .engine import Engine
from .types import Completion, EngineSpec, GenerateRequest, Scored, ScoreRequest

Request = TypeVar("Request", GenerateRequest, ScoreRequest)


class Fleet:
    """Engines that serve one version of one model. Picklable: a trainer in another process can drive it."""

    def __init__(self, name: str, engines: list[Any], spec: EngineSpec, timeout: float) -> None:
        self.name = name
        self.engines = engines
        self.spec = spec
        self.timeout = timeout
        self.version = 0

    @classmethod
    def start(cls, name: str, spec: EngineSpec, count: int, timeout: float) -> "Fleet":
        """Create `count` engine actors, which load the model meanwhile: `wait` before using them."""
        actor = ray.remote(Engine).options(
            num_cpus=spec.num_cpus, num_gpus=spec.num_gpus, runtime_env={"env_vars": spec.env}
        )
        return cls(name, [actor.remote(spec) for _ in range(count)], spec, timeout)

    def wait(self) -> "Fleet":
        """Itself, once every engine has loaded the model.

        Raises:
            RuntimeError: the cluster could not place or start them within `timeout` seconds.
        """
        self._all([engine.ready.remote() for engine in self.engines], "start")
        return self

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        """Sample every request under the fleet's current version; order kept."""
        completions: list[Completion] = self._dispatch("generate", requests)
        assert all(c.version == self.version for c in completions)
        return completions

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Every completion's tokens (nats) under the current version; order kept."""
        return self._dispatch("score", requests)

    def publish(self, version: int, weights: Iterable[tuple[str, Any]]) -> None:
        """Send `weights` (checkpoint name, tensor) through the object store; return when all serve them."""
        reference = ray.put(list(weights))
        self._acknowledge(version, [e.publish.remote(version, reference) for e in self.engines])

    def load(self, folder: Path) -> None:
        """Serve the safetensors checkpoint in `folder`, which every engine's node can read."""
        version = self.version + 1
        self._acknowledge(version, [e.load.remote(version, str(folder)) for e in self.engines])

    def reset(self) -> None:
        """Serve the model that the engines have started with, as version 0."""
        self._acknowledge(0, [e.reset.remote() for e in self.engines])

    def adopt_version(self) -> None:
        """Take over what the engines serve: a trainer in another process has published since."""
        served = {
            answer["version"] for answer in self._all([e.ready.remote() for e in self.engines], "version")
        }
        assert len(served) == 1, f"engines serve different versions: {served}"
        self.version = served.pop()

    def shutdown(self) -> None:
        """End the engines and give their memory back."""
        for engine in self.engines:
            ray.kill(engine)
        self.engines = []

    def _acknowledge(self, version: int, answers: list[Any]) -> None:
        served = self._all(answers, f"load weights version {version}")
        assert served == [version] * len(self.engines), f"published {version}, engines serve {served}"
        self.version = version

    def _dispatch(self, method: str, requests: Sequence[Request]) -> list[Any]:
        """Engines take the next chunk when they finish one, so a slow engine does not hold the others up."""
        size = max(1, min(4 * self.spec.max_num_seqs, -(-len(requests) // len(self.engines))))
        chunks = [requests[i : i + size] for i in range(0, len(requests), size)]
        results: list[list[Any]] = [[] for _ in chunks]
        waiting = iter(enumerate(chunks))
        running: dict[Any, tuple[int, Any]] = {}

        def send(engine: Any) -> None:
            for index, chunk in waiting:
                running[getattr(engine, method).remote(chunk, self.version)] = (index, engine)
                return

        for engine in self.engines:
            send(engine)
        while running:
            done, _ = ray.wait(list(running), timeout=self.timeout)
            if not done:
                raise RuntimeError(self._late(method))
            index, engine = running.pop(done[0])
            results[index] = ray.get(done[0])
            send(engine)
        return [item for chunk in results for item in chunk]

    def _all(self, answers: list[Any], what: str) -> list[Any]:
        try:
            return ray.get(answers, timeout=self.timeout)
        except GetTimeoutError:
            raise RuntimeError(self._late(what)) from None

    def _late(self, what: str) -> str:
        free = ray.available_resources()
        return (
            f"fleet '{self.name}': no answer to '{what}' within {self.timeout:.0f} s. Each of its "
            f"{len(self.engines)} engines asks for {self.spec.num_cpus} CPU and {self.spec.num_gpus} GPU; free in "
            f"the cluster: {free.get('CPU', 0):g} CPU, {free.get('GPU', 0):g} GPU. Ask for fewer engines, or "
            "raise cluster.timeout if the machine is only slow."
        )
