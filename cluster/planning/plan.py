"""The layout of a run and its memory limits, computed from config and machines before anything starts."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cluster.config import ClusterConfig
from cluster.types import EngineSpec

from .bin_packing import NodeAllocation, allocate
from .colocation import share_gpu, shared_gpu_gb
from .feasibility import check_cores, check_gpu_memory, check_gpus, check_memory
from .machine import GB, Machine, smallest_gpu_gb
from .memory import RAY_BASE_GB
from .roles import STUDENT, Role, make_roles, threads_per_process
from .workload import Workload


@dataclass(frozen=True)
class Limit:
    """Use of a limited amount of memory, in GiB."""

    name: str
    used: float
    available: float

    @property
    def share(self) -> float:
        """Used share."""
        return self.used / self.available

    def __str__(self) -> str:
        return f"{self.name}: {self.used:.1f} of {self.available:.1f} GiB ({self.share:.0%})"


@dataclass(frozen=True)
class Plan:
    """The layout of a run."""

    roles: tuple[Role, ...]
    machines: tuple[Machine, ...]
    store_gb: float = 0.0
    """Size of published weights in the object store, on each machine of the rollout phase."""
    overlapped: bool = False
    """Whether engines sample while the learner trains."""

    def role(self, name: str) -> Role:
        """The role with this name."""
        return next(role for role in self.roles if role.name == name)

    def roles_in(self, phase: str) -> list[Role]:
        """Roles that are resident together in `phase`."""
        return [role for role in self.roles if role.phase == phase]

    @property
    def phases(self) -> list[str]:
        """Names of the phases, in the order of the roles."""
        return list(dict.fromkeys(role.phase for role in self.roles))

    @property
    def cpus(self) -> int:
        """Cores of all machines."""
        return sum(machine.cpus for machine in self.machines)

    @property
    def gpus(self) -> int:
        """GPUs of all machines."""
        return sum(machine.gpus for machine in self.machines)

    @property
    def host_gb(self) -> float:
        """Host memory of all machines."""
        return sum(machine.memory_gb for machine in self.machines)

    def num_gpus(self, phase: str) -> int:
        """GPUs that the processes of a phase take; fractions of one add up."""
        return math.ceil(sum(role.count * role.num_gpus for role in self.roles_in(phase)))

    def base_gb(self, phase: str) -> float:
        """Memory that Ray takes on each machine, its object store included."""
        return RAY_BASE_GB + (self.store_gb if phase == "rollout" else 0)

    def memory_gb(self, phase: str) -> float:
        """Host memory of all processes resident in `phase`, Ray included."""
        roles = sum(r.count * r.memory_gb for r in self.roles_in(phase))
        return len(self.machines) * self.base_gb(phase) + roles

    @cached_property
    def allocations(self) -> dict[str, list[NodeAllocation]]:
        """A feasible allocation for each phase; Ray may choose another one.

        Raises:
            ValueError: no allocation is feasible.
        """
        return {
            phase: allocate(self.roles_in(phase), self.machines, self.base_gb(phase)) for phase in self.phases
        }

    @property
    def limits(self) -> list[Limit]:
        """Memory limits, the tightest first."""
        limits = [
            Limit(
                f"phase {phase}, memory of {f'machine {number}' if len(nodes) > 1 else 'the machine'}",
                node.memory_gb,
                node.machine.memory_gb,
            )
            for phase, nodes in self.allocations.items()
            for number, node in enumerate(nodes)
        ]
        if gpu_memory := smallest_gpu_gb(self.machines):
            alone = {
                f"role {role.name}, memory of a GPU": role.gpu.total
                for role in self.roles
                if role.num_gpus >= 1
            }
            used = alone | shared_gpu_gb(self.roles)
            limits += [Limit(name, gib, gpu_memory) for name, gib in used.items()]
        return sorted(limits, key=lambda limit: limit.share, reverse=True)


def make_plan(
    config: ClusterConfig,
    work: Workload,
    machines: Sequence[Machine],
    roles: Collection[str] | None = None,
) -> Plan:
    """Lay the roles out on the machines; with `roles`, only the named ones, else those of a whole run.

    Raises:
        ValueError: a role does not fit; the message names it, the shortage and the setting to change.
    """
    if config.gpu_memory_gb:
        machines = [replace(m, gpu_memory_gb=config.gpu_memory_gb) if m.gpus else m for m in machines]
    wanted = wanted_roles(config, work, machines, roles)
    weights = work.engine_bytes * work.model.parameters / GB
    # The object store holds the newest version and the one before it, which engines may still be reading.
    publishes = not config.enable_lora and {"policy", "learner"} <= {role.name for role in wanted}
    store = 2 * weights if publishes else 0.0
    plan = Plan(tuple(wanted), tuple(machines), store, work.overlapped)
    check_cores(plan.roles, plan.cpus, config)
    for phase in plan.phases:
        check_gpus(phase, plan.roles_in(phase), plan.gpus)
        check_memory(phase, plan.roles_in(phase), plan.memory_gb(phase), plan.host_gb)
    check_gpu_memory(plan.roles, smallest_gpu_gb(plan.machines), config, work)
    _ = plan.allocations  # Raises if a process fits on no machine.
    return plan


def wanted_roles(
    config: ClusterConfig, work: Workload, machines: Sequence[Machine], names: Collection[str] | None
) -> list[Role]:
    """Roles with these names, those of a whole run for None, on the GPUs of the machines.

    Raises:
        ValueError: roles that share a GPU of unknown memory.
    """
    made = make_roles(config, work, machines)
    roles = [role for role in made if (role.name != STUDENT if names is None else role.name in names)]
    return share_gpu(roles, config, work, smallest_gpu_gb(machines)) if config.colocate is True else roles


def concurrent_jobs(plan: Plan, name: str, jobs: int) -> tuple[int, int]:
    """Number of jobs that fit at the same time, each with all processes of a role, and the threads of a process."""
    role = plan.role(name)
    memory = plan.host_gb - len(plan.machines) * RAY_BASE_GB
    fit = [jobs, int(memory / (role.count * role.memory_gb or 1))]
    fit.append(plan.gpus // role.count if role.num_gpus else plan.cpus // role.count)
    at_a_time = max(1, min(fit))
    return at_a_time, threads_per_process(plan.machines, role.count * at_a_time)


def engine_spec(
    config: ClusterConfig,
    role: Role,
    model: str,
    dtype: str,
    max_model_len: int,
    stop_token_ids: tuple[int, ...],
    max_lora_rank: int = 0,
) -> EngineSpec:
    """Arguments of an engine actor of `role`; with `max_lora_rank` it can serve adapters."""
    return EngineSpec(
        model=model,
        dtype=dtype,
        max_model_len=max_model_len,
        max_num_seqs=config.max_num_seqs,
        device=config.device,
        threads=role.threads,
        tensor_parallel_size=config.tensor_parallel_size,
        gpu_memory_utilization=role.gpu_memory_utilization,
        kv_cache_gb=config.kv_cache_gb,
        num_cpus=role.num_cpus,
        num_gpus=role.num_gpus,
        labels=dict(role.labels),
        max_lora_rank=max_lora_rank,
        sleep_mode=role.sleeps,
        stop_token_ids=stop_token_ids,
    )
