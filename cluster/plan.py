"""From config and machine to roles, threads and memory: pure, before anything starts."""

from collections.abc import Collection
from dataclasses import dataclass

from .config import ClusterConfig
from .types import EngineSpec

GB = 1024**3
# Measured on Linux: libraries and working memory of an engine and of a trainer; Ray's own processes, object store,
# driver and launcher.
ENGINE_BASE_GB = 1.0
TRAINER_BASE_GB = 1.5
RAY_BASE_GB = 2.5
SCORED_TOKENS = 1024
# The three kinds of process of the rollout phase work in turns on the same cores, so each reserves a third.
TURNS = 3


@dataclass(frozen=True)
class Machine:
    """What there is to share."""

    cpus: int
    memory_gb: float
    gpus: int = 0


@dataclass(frozen=True)
class Workload:
    """What the memory estimate depends on."""

    parameters: int
    vocab_size: int
    max_model_len: int
    learner_batch: int
    """Sequences in one forward and backward pass of the learner."""
    overlapped: bool
    """Whether engines work while the learner does."""
    sft_batch: int
    sft_workers: int
    sft_adapter: bool = False
    """Whether fine-tuning trains an adapter in place of all weights."""
    sft_bf16: bool = True
    """Whether it computes in 16 bits, with master weights beside them."""
    sft_offload: bool = False
    """Whether it keeps its states in the host's memory though it works on GPUs."""
    sft_reference: bool = False
    """Whether it holds the model near another that each worker computes beside it."""
    encoder_parameters: int = 0
    """Of the text encoder that the reward needs; 0 for none."""
    encoder_on_gpu: bool = False


@dataclass(frozen=True)
class Role:
    """`count` processes of one kind; `phase` says which roles are resident together."""

    name: str
    phase: str
    count: int
    threads: int
    num_cpus: float
    num_gpus: float
    memory_gb: float
    """Of one process, host memory."""


@dataclass(frozen=True)
class Plan:
    """The layout of a run, and the memory of its larger phase."""

    roles: tuple[Role, ...]
    machine: Machine

    def role(self, name: str) -> Role:
        """The role of that name."""
        return next(role for role in self.roles if role.name == name)

    @property
    def phases(self) -> list[str]:
        """In the order of the roles."""
        return list(dict.fromkeys(role.phase for role in self.roles))

    def memory_gb(self, phase: str) -> float:
        """Host memory of all processes resident in `phase`, Ray included."""
        return RAY_BASE_GB + sum(r.count * r.memory_gb for r in self.roles if r.phase == phase)


def make_plan(
    config: ClusterConfig, work: Workload, machine: Machine, roles: Collection[str] | None = None
) -> Plan:
    """Lay the roles out on the machine; of `roles` only those, where the rest will not start.

    Raises:
        ValueError: a role does not fit; the message names it, the shortfall and what to change.
    """
    laid_out = _roles(config, work, machine)
    plan = Plan(tuple(role for role in laid_out if roles is None or role.name in roles), machine)
    _check_cores(plan, config)
    _check_gpus(plan, config)
    _check_memory(plan)
    return plan


def side_by_side(plan: Plan, name: str, jobs: int) -> tuple[int, int]:
    """How many of `jobs`, each of which takes all processes of a role, fit at a time, and a process's threads then."""
    role, machine = plan.role(name), plan.machine
    fit = [jobs, int((machine.memory_gb - RAY_BASE_GB) / (role.count * role.memory_gb or 1))]
    fit.append(machine.gpus // role.count if role.num_gpus else machine.cpus // role.count)
    at_a_time = max(1, min(fit))
    return at_a_time, max(1, machine.cpus // (role.count * at_a_time))


def engine_spec(config: ClusterConfig, role: Role, model: str, dtype: str, max_model_len: int) -> EngineSpec:
    """What an engine actor of `role` starts with."""
    return EngineSpec(
        model=model,
        dtype=dtype,
        max_model_len=max_model_len,
        max_num_seqs=config.max_num_seqs,
        device=config.device,
        threads=role.threads,
        tensor_parallel_size=config.tensor_parallel_size,
        gpu_memory_utilization=config.gpu_memory_utilization,
        kv_cache_gb=config.kv_cache_gb,
        num_cpus=role.num_cpus,
        num_gpus=role.num_gpus,
    )


def _roles(config: ClusterConfig, work: Workload, machine: Machine) -> tuple[Role, ...]:
    gpu = config.device == "gpu"
    weights = 2 * work.parameters / GB
    # vLLM's CPU build keeps a packed copy of the weights; scoring holds logits and their log-softmax in fp32.
    scoring = 8 * SCORED_TOKENS * work.vocab_size / GB
    engine_memory = ENGINE_BASE_GB + (0 if gpu else 2 * weights + config.kv_cache_gb + scoring)

    at_once = config.engines + config.scorers + 1 if work.overlapped else 1

    def engines(name: str, count: int) -> Role:
        threads = config.threads or max(1, machine.cpus // max(count, at_once))
        gpus = config.tensor_parallel_size if gpu else 0
        return Role(name, "rollout", count, threads, _share(threads), gpus, engine_memory)

    learner_threads = max(1, machine.cpus // at_once)
    # bf16 weights; logits, their log-softmax and gradient in fp32 dominate the activations of small models.
    learner_memory = TRAINER_BASE_GB + 2 * weights + 3 * _logits_gb(work, work.learner_batch)
    # ZeRO-3, over the workers: weights, gradients and two Adam moments; of bf16 ones fp32 master weights as well.
    sft_weights = weights if work.sft_bf16 else 2 * weights
    states = sft_weights if work.sft_adapter else 16 * work.parameters / GB
    sft_memory = (
        TRAINER_BASE_GB + sft_weights + states / work.sft_workers + 3 * _logits_gb(work, work.sft_batch)
    )
    if work.sft_reference:
        sft_memory += (0 if work.sft_adapter else sft_weights) + 3 * _logits_gb(work, work.sft_batch)
    sft_host = sft_memory if not gpu else states / work.sft_workers if work.sft_offload else 0
    sft_threads = max(1, machine.cpus // work.sft_workers)
    encoder_memory = ENGINE_BASE_GB + 4 * work.encoder_parameters / GB
    encoder_gpus = int(gpu and work.encoder_on_gpu)
    # It reserves no core: it works while the engines and the learner wait for the reward.
    encoder = Role(
        "encoder", "rollout", 1, machine.cpus, 0, encoder_gpus, 0 if encoder_gpus else encoder_memory
    )
    return (
        *([encoder] if work.encoder_parameters else []),
        engines("policy", config.engines),
        engines("backbone", config.scorers),
        Role(
            "learner",
            "rollout",
            1,
            learner_threads,
            _share(learner_threads),
            int(gpu),
            0 if gpu else learner_memory,
        ),
        Role("sft", "sft", work.sft_workers, sft_threads, sft_threads, int(gpu), sft_host),
    )


def _share(threads: int) -> float:
    """Ray takes fractions below one CPU, whole numbers above."""
    # Rounded down: three roles of 0.667 would not fit on two cores.
    return threads * 1000 // TURNS / 1000 if threads < TURNS else threads // TURNS


def _logits_gb(work: Workload, batch: int) -> float:
    return 4 * batch * work.max_model_len * work.vocab_size / GB


def _check_cores(plan: Plan, config: ClusterConfig) -> None:
    keys = {"policy": "cluster.engines", "backbone": "cluster.scorers", "sft": "sft.num_workers"}
    for role in plan.roles:
        needed = role.count * role.threads
        if needed > plan.machine.cpus:
            raise ValueError(
                f"role '{role.name}' does not fit: {role.count} x {role.threads} thread(s) = {needed} cores, the "
                f"machine has {plan.machine.cpus} ({needed - plan.machine.cpus} short). "
                + _advice(role, keys[role.name], plan.machine.cpus, bool(config.threads))
            )


def _advice(role: Role, key: str, cpus: int, threads_given: bool) -> str:
    advice = []
    if role.threads <= cpus:
        advice.append(f"{key} to {cpus // role.threads}")
    # Fine-tuning takes its threads from the machine, not from the config.
    if threads_given and role.phase == "rollout" and role.count <= cpus:
        advice.append(f"cluster.threads to {cpus // role.count}")
    return f"Lower {' or '.join(advice) or f'{key} and cluster.threads'}."


def _check_gpus(plan: Plan, config: ClusterConfig) -> None:
    for phase in plan.phases:
        needed = sum(r.count * r.num_gpus for r in plan.roles if r.phase == phase)
        if needed > plan.machine.gpus:
            layout = ", ".join(f"{r.name} {r.count} x {r.num_gpus:g}" for r in plan.roles if r.phase == phase)
            raise ValueError(
                f"phase '{phase}' does not fit: {layout} = {needed:g} GPUs, the cluster has {plan.machine.gpus} "
                f"({needed - plan.machine.gpus:g} short). Lower cluster.engines, cluster.scorers or "
                "sft.num_workers, or set cluster.device=cpu."
            )


def _check_memory(plan: Plan) -> None:
    for phase in plan.phases:
        needed = plan.memory_gb(phase)
        if needed > plan.machine.memory_gb:
            largest = max((r for r in plan.roles if r.phase == phase), key=lambda r: r.count * r.memory_gb)
            raise ValueError(
                f"phase '{phase}' does not fit: about {needed:.1f} GiB, the machine has "
                f"{plan.machine.memory_gb:.1f} GiB ({needed - plan.machine.memory_gb:.1f} short). The largest role is "
                f"'{largest.name}': {largest.count} x {largest.memory_gb:.1f} GiB. Lower its count, its batch size or "
                "model.max_model_len."
            )
