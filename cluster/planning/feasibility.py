"""Checks of a layout; each error names the role, the shortage and the setting to change."""

from collections.abc import Sequence

from cluster.config import ClusterConfig

from .colocation import shared_gpu_gb
from .memory import sequence_gb
from .roles import STUDENT, Role
from .workload import Workload

KEYS = {"policy": "cluster.engines", "backbone": "cluster.scorers", "sft": "sft.num_workers"}
ENGINES = ("policy", "backbone", STUDENT)


def check_cores(roles: Sequence[Role], cpus: int, config: ClusterConfig) -> None:
    """Check that the threads of each role, whose processes all work at once, fit the cores."""
    for role in roles:
        needed = role.count * role.threads
        if role.name in KEYS and needed > cpus:
            raise ValueError(
                f"role '{role.name}' does not fit: {role.count} x {role.threads} thread(s) = {needed} cores, the "
                f"machine has {cpus} ({needed - cpus} short). "
                + _advice(role, KEYS[role.name], cpus, bool(config.threads))
            )


def check_gpus(phase: str, roles: Sequence[Role], gpus: int) -> None:
    """Check that there is a GPU for each process that needs one; fractions of one add up."""
    needed = sum(role.count * role.num_gpus for role in roles)
    if needed > gpus:
        layout = ", ".join(f"{role.name} {role.count} x {role.num_gpus:g}" for role in roles)
        raise ValueError(
            f"phase '{phase}' does not fit: {layout} = {needed:g} GPUs, the cluster has {gpus} "
            f"({needed - gpus:g} short). {_gpus_advice(gpus)}"
        )


def _gpus_advice(gpus: int) -> str:
    if gpus == 1:
        return (
            "One GPU holds a run with cluster.engines=1, cluster.tensor_parallel_size=1 and sft.num_workers=1, unless "
            "cluster.colocate is false; or set cluster.device=cpu."
        )
    return "Lower cluster.engines, cluster.scorers or sft.num_workers, or set cluster.device=cpu."


def check_memory(phase: str, roles: Sequence[Role], needed: float, available: float) -> None:
    """Check that the host memory of a phase suffices."""
    if needed > available:
        largest = max(roles, key=lambda role: role.count * role.memory_gb)
        raise ValueError(
            f"phase '{phase}' does not fit: about {needed:.1f} GiB, the machine has {available:.1f} GiB "
            f"({needed - available:.1f} short). The largest role is '{largest.name}': {largest.count} x "
            f"{largest.memory_gb:.1f} GiB. Lower its count, its batch size or model.max_model_len."
        )


def check_gpu_memory(
    roles: Sequence[Role], available: float | None, config: ClusterConfig, work: Workload
) -> None:
    """Check that the memory of one GPU suffices; nothing is checked if its size is unknown."""
    if available is None:
        return
    one = sequence_gb(config, work)
    for role in (role for role in roles if role.num_gpus):
        if role.name in ENGINES and role.gpu.kv_cache < one:
            raise ValueError(
                f"role '{role.name}' does not fit: of {role.gpu_memory_utilization:.3g} x {available:.1f} GiB, weights "
                f"and activations leave {role.gpu.kv_cache:.1f} GiB for the KV cache, and one sequence of "
                f"{work.max_model_len} tokens takes {one:.1f} ({one - role.gpu.kv_cache:.1f} short). "
                f"{_kv_cache_advice(role)}"
            )
        if role.num_gpus >= 1 and role.gpu.total > available:
            raise ValueError(
                f"role '{role.name}' does not fit: about {role.gpu.total:.1f} GiB on each GPU, which has "
                f"{available:.1f} ({role.gpu.total - available:.1f} short). {_gpu_advice(role)}"
            )
    for names, needed in shared_gpu_gb(roles).items():
        if needed > available:
            raise ValueError(
                f"cluster.colocate: {names}: about {needed:.1f} GiB, and the GPU has {available:.1f} "
                f"({needed - available:.1f} short). Lower train.per_device_train_batch_size, set "
                "train.gradient_checkpointing=true, or set cluster.colocate=false, which takes a GPU for each."
            )


def _kv_cache_advice(role: Role) -> str:
    if role.num_gpus < 1:
        return (
            "The learner keeps the rest of the GPU: lower model.max_model_len, set train.max_staleness=0, take a "
            "smaller model, or set cluster.colocate=false, which takes a GPU for each."
        )
    return "Raise cluster.tensor_parallel_size, or lower model.max_model_len."


def _gpu_advice(role: Role) -> str:
    match role.name:
        case name if name in ENGINES:
            return "Lower cluster.gpu_memory_utilization: scoring takes memory in addition to that share."
        case "learner":
            return "Lower train.per_device_train_batch_size, or set train.gradient_checkpointing=true."
        case "sft":
            return (
                "Raise sft.num_workers, set sft.gradient_checkpointing=true or sft.offload_optimizer_device=cpu, or "
                "lower sft.per_device_train_batch_size or sft.max_length."
            )
    return "Set reward.embedding_model to a smaller model."


def _advice(role: Role, key: str, cpus: int, threads_given: bool) -> str:
    advice = []
    if role.threads <= cpus:
        advice.append(f"{key} to {cpus // role.threads}")
    # cluster.threads does not apply to fine-tuning, which takes its threads from the machine.
    if threads_given and role.phase == "rollout" and role.count <= cpus:
        advice.append(f"cluster.threads to {cpus // role.count}")
    return f"Lower {' or '.join(advice) or f'{key} and cluster.threads'}."
