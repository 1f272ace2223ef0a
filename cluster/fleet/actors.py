"""Engine handles on Ray actors."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, ObjectLostError, RayActorError, RayTaskError

from cluster.engine.request_loop import BrokenEngineError
from cluster.engine.vllm_engine import VLLMEngine
from cluster.types import EngineSpec

HEARTBEATS = "heartbeats"
ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit): ")
"""Beginning of the line of a traceback that names the error."""
MAX_RAISED = 500
"""Characters of an error's message."""


class EngineActor:
    """Handle of an engine in a Ray actor."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    @classmethod
    def start(cls, spec: EngineSpec, window: int) -> "EngineActor":
        """Create the actor; `window` calls run in it at a time, and heartbeats in a thread of their own."""
        actor: Any = ray.remote(concurrency_groups={HEARTBEATS: 1})(VLLMEngine)  # ty: ignore[no-matching-overload]
        options = actor.options(
            num_cpus=spec.num_cpus,
            num_gpus=spec.num_gpus,
            max_concurrency=window,
            # The supervisor restarts engines: only it knows which weights they have to serve.
            max_restarts=0,
            # An engine that the learner restarts must not join the placement group of the learner.
            scheduling_strategy="DEFAULT",
            label_selector=spec.labels or None,
            runtime_env={"env_vars": spec.env},
        )
        return cls(options.remote(spec))

    def call(self, method: str, args: Sequence[Any], done: Callable[[Future[Any]], None]) -> None:
        """Call a method of the actor; `done` receives the result or error, on a thread of Ray's."""
        # Without a session Ray would silently start a new cluster for the call.
        assert ray.is_initialized(), "the Ray session has ended before its engines"
        remote = getattr(self.actor, method)
        if method == "heartbeat":
            remote = remote.options(concurrency_group=HEARTBEATS)
        remote.remote(*args).future().add_done_callback(done)

    def loss_reason(self, error: BaseException) -> str | None:
        """Ray's reason for the actor's death, or the engine's own report that it is broken."""
        if isinstance(error, RayTaskError):
            broken = isinstance(error.cause, BrokenEngineError)
            return f"is broken: {error.cause}" if broken else None
        if isinstance(error, RayActorError) and error.actor_init_failed:
            return f"did not start: {_raised(str(error))}"
        if isinstance(error, RayActorError) and not self.is_unreachable(error):
            return f"died: {_cause(error)}"
        return "lost its answers" if isinstance(error, ObjectLostError) else None

    def is_unreachable(self, error: BaseException) -> bool:
        """Whether Ray reports that the actor's node does not answer but has not been given up yet."""
        return isinstance(error, ActorUnavailableError)

    def kill(self) -> None:
        """Kill the actor; no error if it has ended already."""
        ray.kill(self.actor)


def _cause(error: RayActorError) -> str:
    """The line of Ray's long report of a death that names the cause."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    causes = [line for line in lines if any(word in line.lower() for word in ("exit", "killed", "error"))]
    return (causes or lines or ["no reason given"])[0]


def _raised(report: str) -> str:
    """The last error of a report of tracebacks, in one line."""
    lines = [line.strip() for line in report.split("\n") if line.strip()]
    starts = [i for i, line in enumerate(lines) if ERROR.match(line)]
    raised = " ".join(lines[starts[-1] if starts else 0 :])[:MAX_RAISED]
    return raised.removeprefix(f"{BrokenEngineError.__module__}.{BrokenEngineError.__qualname__}: ")
