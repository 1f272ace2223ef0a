"""What there is to share: the machines of a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GB = 1024**3
# GiB of those GPUs that come in one size, by Ray's names; of the others the user has to say it.
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
    """One node."""

    cpus: int
    memory_gb: float
    gpus: int = 0
    gpu_memory_gb: float | None = None
    """Of one GPU; None where nobody knows."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Ray's, by which a role may ask for it."""

    def has_labels(self, selector: Mapping[str, str]) -> bool:
        """Whether it is one that a selector in Ray's syntax asks for: `a`, `!a`, `in(a,b)` or `!in(a,b)`."""
        for key, wanted in selector.items():
            names = wanted.removeprefix("!").removeprefix("in(").removesuffix(")").split(",")
            if (self.labels.get(key) in [name.strip() for name in names]) == wanted.startswith("!"):
                return False
        return True


def smallest_gpu_gb(machines: Sequence[Machine]) -> float | None:
    """Memory of the smallest GPU; None where there is none, or nobody knows."""
    return min((m.gpu_memory_gb for m in machines if m.gpus and m.gpu_memory_gb), default=None)


def parse_machines(text: str) -> list[Machine]:
    """`2 x cpus=64,memory=512,gpus=8,gpu_memory=80`: two such nodes, memory in GiB.

    Raises:
        ValueError: it is no such text.
    """
    count, _, sizes = text.rpartition("x ")
    try:
        given = {key.strip(): float(value) for key, value in (part.split("=") for part in sizes.split(","))}
        gpu_memory = given.pop("gpu_memory", None)
        machine = Machine(int(given.pop("cpus")), given.pop("memory"), int(given.pop("gpus", 0)), gpu_memory)
        number = int(count or 1)
        if given or number < 1 or machine.cpus < 1:
            raise ValueError(given)
    except (ValueError, KeyError):
        raise ValueError(
            f"'{text}' describes no machines; write cpus=64,memory=512,gpus=8,gpu_memory=80 (GiB; the last two may "
            "be left out), and before it '2 x ' for two such nodes"
        ) from None
    return [machine] * number


def of_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[Machine]:
    """Those of a cluster, by what `ray.nodes()` says."""
    return [_of_node(node["Resources"], node.get("Labels") or {}) for node in nodes if node["Alive"]]


def _of_node(resources: Mapping[str, float], labels: Mapping[str, str]) -> Machine:
    # Ray counts only what it hands out; the object store takes its part beside it.
    memory = resources.get("memory", 0) + resources.get("object_store_memory", 0)
    kind = labels.get("ray.io/accelerator-type", "")
    return Machine(
        int(resources.get("CPU", 0)),
        memory / GB,
        int(resources.get("GPU", 0)),
        GPU_MEMORY_GB.get(kind),
        labels,
    )
