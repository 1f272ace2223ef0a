"""Assignment of processes to machines: whether every process fits onto one machine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .machine import Machine
from .roles import Role


@dataclass
class NodeAllocation:
    """A machine and the processes that are assigned to it."""

    machine: Machine
    base_gb: float
    """Memory of Ray's own processes."""
    processes: Counter[str] = field(default_factory=Counter)
    """Number of processes by role."""
    memory_gb: float = 0.0
    gpus: float = 0.0
    threads: Counter[str] = field(default_factory=Counter)
    """Threads by role."""

    def __post_init__(self) -> None:
        self.memory_gb = self.base_gb

    def missing_resources(self, role: Role) -> list[str]:
        """Names of the resources that are too small for one more process of `role`.

        Roles take turns on the cores, so only processes of the same role compete for them.
        """
        missing = {
            "cores": self.threads[role.name] + role.threads > self.machine.cpus,
            "GPUs": self.gpus + role.num_gpus > self.machine.gpus,
            "labels": not self.machine.has_labels(role.labels),
            "memory": self.memory_gb + role.memory_gb > self.machine.memory_gb,
        }
        return [name for name, is_missing in missing.items() if is_missing]

    def add(self, role: Role) -> None:
        """Assign one more process of `role`."""
        self.processes[role.name] += 1
        self.threads[role.name] += role.threads
        self.gpus += role.num_gpus
        self.memory_gb += role.memory_gb

    @property
    def free(self) -> tuple[float, float]:
        """Free GPUs and free GiB of host memory."""
        return self.machine.gpus - self.gpus, self.machine.memory_gb - self.memory_gb


def allocate(roles: Sequence[Role], machines: Sequence[Machine], base_gb: float) -> list[NodeAllocation]:
    """Assign every process, the largest first, each to the machine with the most free resources.

    Raises:
        ValueError: no machine can take a process; the message names its role and the missing resources.
    """
    nodes = [NodeAllocation(machine, base_gb) for machine in machines]
    for role in sorted(roles, key=lambda r: (r.num_gpus, r.memory_gb), reverse=True):
        for number in range(role.count):
            missing = [node.missing_resources(role) for node in nodes]
            candidates = [node for node, lacks in zip(nodes, missing, strict=True) if not lacks]
            if not candidates:
                short = sorted({name for lacks in missing for name in lacks})
                raise ValueError(
                    f"role '{role.name}' does not fit: none of {len(machines)} machines has capacity for process "
                    f"{number + 1} of {role.count} ({role.threads} thread(s), {role.num_gpus:g} GPUs, "
                    f"{role.memory_gb:.1f} GiB); missing: {', '.join(short)}. Lower the number of its processes, or "
                    "the resources of each."
                )
            # Processes without GPUs prefer machines without free GPUs, to leave those to the roles that need them.
            best = (lambda n: n.free) if role.num_gpus else (lambda n: (-n.free[0], n.free[1]))
            max(candidates, key=best).add(role)
    return nodes
