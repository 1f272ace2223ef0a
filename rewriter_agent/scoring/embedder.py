"""Embeddings for the diversity term, from an encoder actor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from cluster.engine.encoder import Encoder
from cluster.planning.roles import Role
from reward import Embed, RewardConfig
from reward.whiten import Whitening

REFERENCE_TEXTS = 512


@dataclass(frozen=True)
class Embedder:
    """Embeds texts through an actor. Picklable: a trainer in another process can use it."""

    actor: Any
    timeout: float

    def __call__(self, texts: list[str]) -> list[Sequence[float]]:
        """One vector a text, order kept."""
        return ray.get(self.actor.embed.remote(texts), timeout=self.timeout)


def start_embedder(model: str, max_length: int, role: Role, timeout: float, restarts: int) -> Embedder:
    """Start the encoder actor with the resources of `role`; Ray restarts it up to `restarts` times if it dies."""
    threads = str(role.threads)
    actor = ray.remote(Encoder).options(
        num_cpus=role.num_cpus,
        num_gpus=role.num_gpus,
        label_selector=dict(role.labels) or None,
        max_restarts=restarts,
        max_task_retries=restarts,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}},
    )
    device = "gpu" if role.num_gpus else "cpu"
    return Embedder(actor.remote(model, max_length, role.threads, device), timeout)


def diversity_embed(
    embedder: Embedder | None, solutions: Sequence[str], config: RewardConfig
) -> Embed | None:
    """Return the embedding function of the diversity term, whitened over the expert solutions if its kind needs it.

    The statistics are of at most `REFERENCE_TEXTS` evenly spaced solutions, so every stage of a run has the same.
    """
    if embedder is None or config.diversity != "embedding":
        return embedder
    step = -(-len(solutions) // REFERENCE_TEXTS)
    return Whitening.fit(embedder(list(solutions[::step]))).around(embedder)
