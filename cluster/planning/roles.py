"""The kinds of process that a run has, and how the cores are shared among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.config import ClusterConfig

from . import memory
from .machine import GB, Machine, smallest_gpu_gb
from .memory import NOTHING, Footprint, Memory
from .workload import Workload

# The three kinds of process of the rollout phase work in turns on the same cores, so each reserves a third.
TURNS = 3


@dataclass(frozen=True)
class Role:
    """`count` processes of one kind; `phase` says which roles are resident together."""

    name: str
    phase: str
    count: int
    threads: int
    num_cpus: float
    num_gpus: float
    footprint: Footprint
    """Of one process."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the machines that it may be on, in Ray's syntax of label selectors."""

    @property
    def host(self) -> Memory:
        """Of one process, in the machine's memory."""
        return self.footprint.host

    @property
    def gpu(self) -> Memory:
        """Of one process, on each of its GPUs."""
        return self.footprint.gpu

    @property
    def memory_gb(self) -> float:
        """Of one process, host memory."""
        return self.host.total


def make_roles(config: ClusterConfig, work: Workload, machines: Sequence[Machine]) -> list[Role]:
    """All that a whole run may have."""
    on_gpu = config.device == "gpu"
    at_once = config.engines + config.scorers + 1 if work.overlapped else 1

    def threads(name: str, processes: int) -> int:
        labels = config.label_selector.get(name, {})
        # Where it may be on none, the plan says so when it places it.
        allowed = [machine for machine in machines if machine.has_labels(labels)] or machines
        return threads_each(allowed, processes)

    def engines(name: str, count: int, scores: bool, adapters: bool = False) -> Role:
        each = config.threads or threads(name, max(count, at_once))
        gpus = config.tensor_parallel_size if on_gpu else 0
        footprint = memory.engine(config, work, scores, adapters, smallest_gpu_gb(machines))
        return Role(name, "rollout", count, each, _share(each), gpus, footprint)

    learner, tuning = threads("learner", at_once), threads("sft", work.sft.workers)
    roles = [
        *([_encoder(work, on_gpu, machines)] if work.encoder_parameters else []),
        engines("policy", config.engines, scores=not config.scorers, adapters=config.enable_lora),
        *([engines("backbone", config.scorers, scores=True)] if config.scorers else []),
        Role("learner", "rollout", 1, learner, _share(learner), int(on_gpu), memory.learner(work, on_gpu)),
        Role("sft", "sft", work.sft.workers, tuning, tuning, int(on_gpu), memory.fine_tuning(work, on_gpu)),
    ]
    return [replace(role, labels=config.label_selector.get(role.name, {})) for role in roles]


def threads_each(machines: Sequence[Machine], processes: int) -> int:
    """Most threads that each of so many processes can have, none on two machines; 1 where there are too many."""
    most = max(machine.cpus for machine in machines)
    fitting = (
        threads for threads in range(most, 1, -1) if sum(m.cpus // threads for m in machines) >= processes
    )
    return next(fitting, 1)


def _encoder(work: Workload, on_gpu: bool, machines: Sequence[Machine]) -> Role:
    """It reserves no core: it works while the engines and the learner wait for the reward."""
    gpus = int(on_gpu and work.encoder_on_gpu)
    weights = Memory(4 * work.encoder_parameters / GB, other=memory.ENGINE_BASE_GB)
    footprint = Footprint(NOTHING, weights) if gpus else Footprint(weights)
    return Role("encoder", "rollout", 1, max(m.cpus for m in machines), 0, gpus, footprint)


def _share(threads: int) -> float:
    """Ray takes fractions below one CPU, whole numbers above."""
    # Rounded down: three roles of 0.667 would not fit on two cores.
    return threads * 1000 // TURNS / 1000 if threads < TURNS else threads // TURNS
