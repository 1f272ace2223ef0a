"""The machines of a cluster and their resources."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GB = 1024**3
MAX_MACHINES = 10_000
"""Largest number of machines in a plan."""
# GiB of the GPUs that exist in one size only, by Ray's accelerator type; for others, set cluster.gpu_memory_gb.
GPU_MEMORY_GB = {
    "A10G": 22.5,
    "L4": 22.0,
    "L40S": 44.4,
    "T4": 14.6,
    "A100-40G": 39.4,
    "A100-80G": 79.2,
    "H100": 79.2,
    "H200": 139.8,
    "B200": 178.4,
}


@dataclass(frozen=True)
class Machine:
    """One node of a cluster."""

    cpus: int
    memory_gb: float
    gpus: int = 0
    gpu_memory_gb: float | None = None
    """Memory of one GPU; None if unknown."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Ray labels, which a role's label selector refers to."""

    def has_labels(self, selector: Mapping[str, str]) -> bool:
        """Whether a label selector in Ray's syntax matches: `a`, `!a`, `in(a,b)` or `!in(a,b)`."""
        for key, wanted in selector.items():
            names = wanted.removeprefix("!").removeprefix("in(").removesuffix(")").split(",")
            if (self.labels.get(key) in [name.strip() for name in names]) == wanted.startswith("!"):
                return False
        return True


def smallest_gpu_gb(machines: Sequence[Machine]) -> float | None:
    """Memory of the smallest GPU; None without GPUs or if their memory is unknown."""
    return min((m.gpu_memory_gb for m in machines if m.gpus and m.gpu_memory_gb), default=None)


def parse_machines(text: str) -> list[Machine]:
    """Parse a description such as `2 x cpus=64,memory=512,gpus=8,gpu_memory=80`: two nodes, memory in GiB.

    Raises:
        ValueError: the text has another form.
    """
    count, _, sizes = text.rpartition("x ")
    try:
        given = {key.strip(): float(value) for key, value in (part.split("=") for part in sizes.split(","))}
        gpu_memory = given.pop("gpu_memory", None)
        machine = Machine(int(given.pop("cpus")), given.pop("memory"), int(given.pop("gpus", 0)), gpu_memory)
        number = int(count or 1)
        if (
            given
            or not 1 <= number <= MAX_MACHINES
            or machine.cpus < 1
            or machine.gpus < 0
            or not all(0 < size < math.inf for size in (machine.memory_gb, gpu_memory or 1))
        ):
            raise ValueError(given)
    except (ValueError, KeyError, OverflowError):
        raise ValueError(
            f"'{text[:200]}' describes no machines; write cpus=64,memory=512,gpus=8,gpu_memory=80 (GiB; the last two "
            "are optional), with the prefix '2 x ' for two such nodes"
        ) from None
    return [machine] * number


def machines_from_ray(nodes: Sequence[Mapping[str, Any]]) -> list[Machine]:
    """Machines of a cluster, from the answer of `ray.nodes()`; dead nodes are left out."""
    return [
        _machine_from_node(node["Resources"], node.get("Labels") or {}) for node in nodes if node["Alive"]
    ]


def _machine_from_node(resources: Mapping[str, float], labels: Mapping[str, str]) -> Machine:
    # Ray's `memory` excludes the object store, which takes its share of the machine too.
    memory = resources.get("memory", 0) + resources.get("object_store_memory", 0)
    kind = labels.get("ray.io/accelerator-type", "")
    return Machine(
        int(resources.get("CPU", 0)),
        memory / GB,
        int(resources.get("GPU", 0)),
        GPU_MEMORY_GB.get(kind),
        labels,
    )
