"""Engines as Ray actors, the way a supervisor wants them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, ObjectLostError, RayActorError, RayTaskError

from cluster.engine.request_loop import BrokenEngineError
from cluster.engine.vllm_engine import Engine
from cluster.types import EngineSpec

HEARTBEATS = "heartbeats"


class EngineActor:
    """A handle of one."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    @classmethod
    def start(cls, spec: EngineSpec, window: int) -> "EngineActor":
        """Have it placed; `window` calls run in it at a time, beside heartbeats."""
        actor: Any = ray.remote(concurrency_groups={HEARTBEATS: 1})(Engine)  # ty: ignore[no-matching-overload]
        options = actor.options(
            num_cpus=spec.num_cpus,
            num_gpus=spec.num_gpus,
            max_concurrency=window,
            # Started again by whoever watches over it: only there it is known what it has to serve.
            max_restarts=0,
            # Not in the placement group of the trainer that replaces one.
            scheduling_strategy="DEFAULT",
            label_selector=spec.labels or None,
            runtime_env={"env_vars": spec.env},
        )
        return cls(options.remote(spec))

    def call(self, method: str, args: Sequence[Any], done: Callable[[Future[Any]], None]) -> None:
        """As the supervisor wants it."""
        # Ray would start a cluster of its own for a call that comes too late.
        assert ray.is_initialized(), "the Ray session has ended before its engines"
        remote = getattr(self.actor, method)
        if method == "beat":
            remote = remote.options(concurrency_group=HEARTBEATS)
        remote.remote(*args).future().add_done_callback(done)

    def lost(self, error: BaseException) -> str | None:
        """What Ray says of the actor's end, or the engine of its own."""
        if isinstance(error, RayTaskError):
            broken = isinstance(error.cause, BrokenEngineError)
            return f"cannot work any more: {error.cause}" if broken else None
        if isinstance(error, RayActorError) and not self.unreachable(error):
            return f"died: {_cause(error)}"
        return "lost its answers" if isinstance(error, ObjectLostError) else None

    def unreachable(self, error: BaseException) -> bool:
        """Ray's word for an actor whose node does not answer, and is not given up yet."""
        return isinstance(error, ActorUnavailableError)

    def kill(self) -> None:
        """At once; one that has ended already is no error."""
        ray.kill(self.actor)


def _cause(error: RayActorError) -> str:
    """Ray's report of a death has many lines; those that say why begin so."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    telling = [line for line in lines if any(word in line.lower() for word in ("exit", "killed", "error"))]
    return (telling or lines or ["no reason given"])[0]
