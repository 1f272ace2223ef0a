"""The kinds of processes of a run, and how they share the cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.config import ClusterConfig

from . import memory
from .machine import GB, Machine, smallest_gpu_gb
from .memory import NO_MEMORY, Footprint, Memory
from .workload import Workload

# The three roles of the rollout phase take turns on the same cores, so each reserves a third of them.
TURNS = 3
STUDENT = "student"
"""Role of a service alone, and of no run."""


@dataclass(frozen=True)
class Role:
    """A group of `count` equal processes; roles of the same `phase` are resident together."""

    name: str
    phase: str
    count: int
    threads: int
    num_cpus: float
    num_gpus: float
    footprint: Footprint
    """Memory of one process."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Label selector, in Ray's syntax, of the machines that the processes may run on."""
    gpu_memory_utilization: float = 0.0
    """Share of a GPU's memory of an engine."""
    sleeps: bool = False
    """Whether an engine frees its GPU while the learner works (vLLM's sleep mode)."""

    @property
    def host(self) -> Memory:
        """Host memory of one process, by its parts."""
        return self.footprint.host

    @property
    def gpu(self) -> Memory:
        """Memory of one process on each of its GPUs, by its parts."""
        return self.footprint.gpu

    @property
    def memory_gb(self) -> float:
        """Host memory of one process."""
        return self.host.total


def make_roles(config: ClusterConfig, work: Workload, machines: Sequence[Machine]) -> list[Role]:
    """Build all roles that a run may start."""
    on_gpu = config.device == "gpu"
    at_once = config.engines + config.scorers + 1 if work.overlapped else 1

    def threads(name: str, processes: int) -> int:
        labels = config.label_selector.get(name, {})
        # If no machine matches, allocation reports it later.
        allowed = [machine for machine in machines if machine.has_labels(labels)] or machines
        return threads_per_process(allowed, processes)

    def engines(name: str, count: int, scores: bool, adapters: bool = False) -> Role:
        each = config.threads or threads(name, max(count, at_once))
        gpus = config.tensor_parallel_size if on_gpu else 0
        footprint = memory.engine_footprint(config, work, scores, adapters, smallest_gpu_gb(machines))
        return Role(
            name,
            "rollout",
            count,
            each,
            _share(each),
            gpus,
            footprint,
            gpu_memory_utilization=config.gpu_memory_utilization,
        )

    learner_threads, sft_threads = threads("learner", at_once), threads("sft", work.sft.workers)
    roles = [
        *([_encoder(work, on_gpu, machines)] if work.encoder_parameters else []),
        engines("policy", config.engines, scores=not config.scorers, adapters=config.enable_lora),
        *([engines("backbone", config.scorers, scores=True)] if config.scorers else []),
        *([engines(STUDENT, work.students, scores=False)] if work.students else []),
        Role(
            "learner",
            "rollout",
            1,
            learner_threads,
            _share(learner_threads),
            int(on_gpu),
            memory.learner_footprint(work, on_gpu),
        ),
        Role(
            "sft",
            "sft",
            work.sft.workers,
            sft_threads,
            sft_threads,
            int(on_gpu),
            memory.sft_footprint(work, on_gpu),
        ),
    ]
    return [replace(role, labels=config.label_selector.get(role.name, {})) for role in roles]


def threads_per_process(machines: Sequence[Machine], processes: int) -> int:
    """Largest number of threads per process, each process on one machine; 1 if there are more processes than cores."""
    most = max(machine.cpus for machine in machines)
    fitting = (
        threads for threads in range(most, 1, -1) if sum(m.cpus // threads for m in machines) >= processes
    )
    return next(fitting, 1)


def _encoder(work: Workload, on_gpu: bool, machines: Sequence[Machine]) -> Role:
    """Role of the text encoder. It reserves no core, since it works while engines and learner wait for the reward."""
    gpus = int(on_gpu and work.encoder_on_gpu)
    weights = Memory(4 * work.encoder_parameters / GB, other=memory.ENGINE_BASE_GB)
    footprint = Footprint(NO_MEMORY, weights) if gpus else Footprint(weights)
    return Role("encoder", "rollout", 1, max(m.cpus for m in machines), 0, gpus, footprint)


def _share(threads: int) -> float:
    """CPUs that a process reserves in Ray, which accepts fractions below one and whole numbers above."""
    # Rounded down, since three roles of 0.667 would not fit on two cores.
    return threads * 1000 // TURNS / 1000 if threads < TURNS else threads // TURNS
