"""The model under evaluation, and the engines that serve it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .fleet_lm import Fleet
from .transformers_lm import TransformersModel

if TYPE_CHECKING:
    from rewriter_agent.runtime.session import Session


@dataclass(frozen=True)
class ModelUnderTest:
    """A model, as engines serve it and, if `evaluate.retention_backend` asks for it, on transformers."""

    serve: Callable[[], Fleet]
    """Returns the engines with the model loaded; the first call starts them."""
    release: Callable[[], None]
    """Stops the engines."""
    transformers: TransformersModel | None = None
    """The same model for transformers; None if the engines compute retention, too."""

    @classmethod
    def of(cls, session: Session, model: Path | None) -> ModelUnderTest:
        """Serve a model on the session's engines; `model` is a Hugging Face folder, None the backbone."""
        return cls(_serve(session, model), session.release_engines, _on_transformers(session, model))


def _serve(session: Session, model: Path | None) -> Callable[[], Fleet]:
    """Return a function that loads the model once per start of the engines.

    The backbone is served by the reference engines, any other model by the actor's.
    """
    fleet = None

    def serve() -> Fleet:
        nonlocal fleet
        if fleet is None or not fleet.engines:
            fleet = session.actor if model else session.reference
            if model:
                fleet.load(model.absolute())
        return fleet

    return serve


def _on_transformers(session: Session, model: Path | None) -> TransformersModel | None:
    if session.config.evaluate.retention_backend == "vllm":
        return None
    role = session.plan.role(session.engine_role("policy" if model else "backbone"))
    return TransformersModel(
        folder=model.absolute() if model else Path(session.model_path),
        dtype=session.config.model.dtype,
        max_model_len=session.config.model.max_model_len,
        use_gpu=role.num_gpus > 0,
        threads=role.count * role.threads,
        tokens=session.tokens,
    )
