"""Colocation: the policy's engine, the learner and the encoder on one GPU."""

from collections.abc import Sequence
from dataclasses import replace

from cluster.config import ClusterConfig

from .machine import Machine
from .memory import Footprint, engine_footprint
from .roles import Role
from .workload import Workload

FILLED_SHARE = 0.95
"""Share of a GPU that a plan fills with several processes: estimates are not exact, and allocators leave gaps."""
ASLEEP_GB = 1.5
"""Memory of an engine that sleeps: CUDA's context and graphs. Not measured."""
COLOCATED = ("policy", "learner", "encoder")


def colocates(config: ClusterConfig, machines: Sequence[Machine]) -> bool:
    """Whether engine and learner share a GPU on these machines."""
    if config.colocate != "auto":
        return config.colocate
    alone = config.engines == config.tensor_parallel_size == 1
    return config.device == "gpu" and alone and sum(machine.gpus for machine in machines) == 1


def share_gpu(
    roles: Sequence[Role], config: ClusterConfig, work: Workload, gpu_gb: float | None
) -> list[Role]:
    """Place engine, learner and encoder on one GPU, each with an equal fraction of it in Ray.

    The engine's share of the memory is what the others leave. If engine and learner take turns, the engine sleeps while
    the learner works.

    Raises:
        ValueError: the memory of the GPU is not known, on which the engine's share depends.
    """
    sharing = [role for role in roles if role.name in COLOCATED and role.num_gpus]
    if len(sharing) < 2:
        return list(roles)
    if gpu_gb is None:
        raise ValueError(
            "cluster.colocate: the memory of the GPU is not known, and the engine's share of it depends on it; set "
            "cluster.gpu_memory_gb to its GiB"
        )
    sleeps = not work.overlapped and {"policy", "learner"} <= {role.name for role in sharing}
    others = sum(_kept_gb(role, sleeps) for role in sharing if role.name != "policy")
    fraction = 1000 // len(sharing) / 1000
    placed = {role.name: replace(role, num_gpus=fraction) for role in sharing}
    if engine := placed.get("policy"):
        placed["policy"] = _sharing_engine(replace(engine, sleeps=sleeps), others, config, work, gpu_gb)
    return [placed.get(role.name, role) for role in roles]


def shared_gpu_gb(roles: Sequence[Role]) -> dict[str, float]:
    """Memory of the roles that share a GPU, in the states that alternate there; empty if none do."""
    sharing = {role.name: role for role in roles if 0 < role.num_gpus < 1}
    if not sharing:
        return {}
    names = f"{', '.join(sharing)} on one GPU"
    policy = sharing.get("policy")
    if policy is None or not policy.sleeps:
        return {names: sum(role.gpu.total for role in sharing.values())}
    others = [role for role in sharing.values() if role is not policy]
    return {
        f"{names}, the engine working": policy.gpu.total + sum(_kept_gb(role, True) for role in others),
        f"{names}, the learner working": ASLEEP_GB + sum(role.gpu.total for role in others),
    }


def _kept_gb(role: Role, sleeps: bool) -> float:
    """Memory of a role while the engine works; a learner that takes turns with it has freed its activations."""
    if role.name == "learner" and sleeps:
        return role.gpu.total - role.gpu.activations - role.gpu.gradients
    return role.gpu.total


def _sharing_engine(
    engine: Role, others_gb: float, config: ClusterConfig, work: Workload, gpu_gb: float
) -> Role:
    """The engine with a share of the memory that leaves room for the other roles, at most the configured one."""
    # Scoring and CUDA's context come on top of the share.
    outside = engine.gpu.total - config.gpu_memory_utilization * gpu_gb
    share = min(config.gpu_memory_utilization, FILLED_SHARE - (outside + others_gb) / gpu_gb)
    smaller = config.model_copy(update={"gpu_memory_utilization": share})
    gpu = engine_footprint(smaller, work, not config.scorers, config.enable_lora, gpu_gb).gpu
    # Weights of an engine that sleeps are in host memory.
    host = replace(engine.host, weights=gpu.weights) if engine.sleeps else engine.host
    return replace(engine, footprint=Footprint(host, gpu), gpu_memory_utilization=share)
