"""Which machine holds which processes: whether they fit at all, one machine at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .machine import Machine
from .roles import Role


@dataclass
class Place:
    """A machine, and the processes that it holds, by role."""

    machine: Machine
    base_gb: float
    """Of Ray's own processes."""
    held: Counter[str] = field(default_factory=Counter)
    memory_gb: float = 0.0
    gpus: float = 0.0
    threads: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.memory_gb = self.base_gb

    def lacks(self, role: Role) -> list[str]:
        """What it has too little of for one more; cores are shared by the processes of one role only."""
        lacks = {
            "cores": self.threads[role.name] + role.threads > self.machine.cpus,
            "GPUs": self.gpus + role.num_gpus > self.machine.gpus,
            "labels": not self.machine.has_labels(role.labels),
            "memory": self.memory_gb + role.memory_gb > self.machine.memory_gb,
        }
        return [name for name, lacking in lacks.items() if lacking]

    def take(self, role: Role) -> None:
        """Hold one more."""
        self.held[role.name] += 1
        self.threads[role.name] += role.threads
        self.gpus += role.num_gpus
        self.memory_gb += role.memory_gb

    @property
    def free(self) -> tuple[float, float]:
        """GPUs and GiB."""
        return self.machine.gpus - self.gpus, self.machine.memory_gb - self.memory_gb


def place(roles: Sequence[Role], machines: Sequence[Machine], base_gb: float) -> list[Place]:
    """The large ones first, each where most is free.

    Raises:
        ValueError: no machine has room for one of them; the message says which, and what the machines lack.
    """
    places = [Place(machine, base_gb) for machine in machines]
    for role in sorted(roles, key=lambda r: (r.num_gpus, r.memory_gb), reverse=True):
        for number in range(role.count):
            lacking = [place.lacks(role) for place in places]
            able = [place for place, lacks in zip(places, lacking, strict=True) if not lacks]
            if not able:
                short = sorted({name for lacks in lacking for name in lacks})
                raise ValueError(
                    f"role '{role.name}' does not fit: none of {len(machines)} machines has room for number "
                    f"{number + 1} of {role.count} ({role.threads} thread(s), {role.num_gpus:g} GPUs, "
                    f"{role.memory_gb:.1f} GiB), they lack {', '.join(short)}. Lower its count, or what one takes."
                )
            # A process without GPUs leaves those machines to the others that have any.
            best = (lambda p: p.free) if role.num_gpus else (lambda p: (-p.free[0], p.free[1]))
            max(able, key=best).take(role)
    return places
