"""The run's workload as the cluster's plan wants it, and the plan as a table."""

from collections.abc import Sequence
from dataclasses import fields

from cluster.config import ClusterConfig
from cluster.planning.colocation import colocates
from cluster.planning.feasibility import ENGINES
from cluster.planning.machine import Machine
from cluster.planning.memory import Memory, sequence_gb
from cluster.planning.plan import Plan
from cluster.planning.roles import Role
from cluster.planning.workload import ModelShape, TrainerWorkload, Workload
from rewriter_agent.config import RunConfig
from rewriter_agent.config.stages import rewrites
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import encoder_parameters
from rewriter_agent.train.policy import policy_of

BYTES = {"bfloat16": 2, "float32": 4}
PARTS = tuple(part.name for part in fields(Memory))


def cluster_layout(config: RunConfig, machines: Sequence[Machine]) -> ClusterConfig:
    """Return the section `cluster` as the run uses it on these machines.

    An engine that shares a GPU with the learner serves adapters, and the backbone too: one copy of the weights fits
    where three would not. `sft.refresh` needs separate engines of the backbone.

    Engines of the backbone would be idle while a student learns that never asks it. The policy's engines do their work,
    before and after the training.
    """
    if colocates(config.cluster, machines) and not config.sft.refresh:
        return config.cluster.model_copy(update={"colocate": True, "enable_lora": True, "scorers": 0})
    if config.train.load_in_4bit and not config.cluster.enable_lora:
        raise ValueError(
            "train.load_in_4bit publishes the adapter, since 4-bit weights take no merge, and cluster.enable_lora is "
            "false; set cluster.enable_lora=true, or train.load_in_4bit=false"
        )
    if rewrites(config) or policy_of(config).asks_backbone(config.reward):
        return config.cluster.model_copy(update={"colocate": False})
    return config.cluster.model_copy(update={"colocate": False, "scorers": 0})


def workload(config: RunConfig, shape: ModelShape) -> Workload:
    """What the plan's memory estimate needs to know of a run."""
    reward, train, sft = config.reward, config.train, config.sft
    encoder = 0
    if reward.needs_embeddings and rewrites(config):
        path = reward.embedding_model
        encoder = (
            encoder_parameters(resolve_model(path, "reward.embedding_model")) if path else shape.parameters
        )
    distils = config.method == "sdft"
    shares_prompts = train.share_prompts and shape.shares_prompts and not distils
    learner = TrainerWorkload(
        workers=1,
        batch=train.per_device_train_batch_size,
        length=config.model.max_model_len,
        weight_bytes=BYTES[config.model.dtype],
        adapter_rank=train.lora.r,
        checkpointing=train.gradient_checkpointing,
        load_in_4bit=train.load_in_4bit,
        group=train.num_generations if shares_prompts else 0,
        # The teacher's logits are as large as the student's.
        reference=distils,
        completion=min(train.max_completion_length, config.model.max_model_len),
    )
    tuning = TrainerWorkload(
        workers=sft.num_workers,
        batch=sft.per_device_train_batch_size,
        length=sft.max_length,
        weight_bytes=BYTES[sft.dtype],
        adapter_rank=sft.lora.r if sft.lora else 0,
        checkpointing=sft.gradient_checkpointing,
        sp_size=sft.sp_size,
        load_in_4bit=sft.load_in_4bit,
        offload=sft.offloads,
        reference=sft.uses_reference,
    )
    return Workload(
        model=shape,
        max_model_len=config.model.max_model_len,
        learner=learner,
        sft=tuning,
        overlapped=train.max_staleness > 0,
        engine_bytes=BYTES[config.model.dtype],
        encoder_parameters=encoder,
        # A sentence encoder is small enough for the CPU, the backbone may not be.
        encoder_on_gpu=reward.embedding_model is None,
        students=int(config.serve.student is not None),
    )


def plan_table(plan: Plan, config: RunConfig, work: Workload) -> str:
    """One line a role and kind of memory, one a phase, and the tightest constraint."""
    titles = " ".join(f"{part.replace('_', ' '):>11}" for part in PARTS)
    lines = [
        f"{'phase':<8} {'role':<9}{'count':>5}{'threads':>8}{'GPUs':>5}  {'GiB':<4} {titles} {'each':>7}"
    ]
    for role in plan.roles:
        lines += _role_lines(role)
    for phase in plan.phases:
        lines += _phase_lines(plan, phase)
    lines.append(_machines_line(plan))
    lines += _gpu_lines(plan, config, work)
    tightest = plan.limits[:2]
    lines.append(f"tightest: {'; then '.join(str(limit) for limit in tightest)}")
    return "\n".join(lines)


def _role_lines(role: Role) -> list[str]:
    start = f"{role.phase:<8} {role.name:<9}{role.count:>5}{role.threads:>8}{role.num_gpus:>5g}"
    lines = []
    for where, memory in (("GPU", role.gpu), ("host", role.host)):
        if memory.total or (where == "host" and not lines):
            parts = " ".join(f"{_gib(getattr(memory, part)):>11}" for part in PARTS)
            lines.append(f"{start:<37} {where:<4} {parts} {memory.total:>7.1f}")
            start = ""
    return lines


def _sharing_line(names: Sequence[str], overlapped: bool) -> str:
    turns = "at the same time" if overlapped else "in turns: the engine sleeps while the learner works"
    return f"cluster.colocate: {', '.join(names)} share a GPU, {turns}; the engine serves adapters and the backbone"


def _phase_lines(plan: Plan, phase: str) -> list[str]:
    gpus = plan.num_gpus(phase)
    taken = f"{gpus:g} of {plan.gpus} GPUs, " if plan.gpus else ""
    line = f"phase {phase}: {taken}about {plan.memory_gb(phase):.1f} of {plan.host_gb:.1f} GiB"
    if phase == "rollout" and plan.store_gb:
        line += f", {plan.store_gb:.1f} of each machine for published weights"
    nodes = plan.allocations[phase]
    if len(nodes) == 1:
        return [line]
    processes = [", ".join(f"{count} x {name}" for name, count in node.processes.items()) for node in nodes]
    return [line, *(f"  machine {number}: {names or 'nothing'}" for number, names in enumerate(processes))]


def _gib(value: float) -> str:
    return f"{value:.1f}" if value else "-"


def _machines_line(plan: Plan) -> str:
    kinds = [f"{m.cpus} cores, {m.memory_gb:.0f} GiB, {m.gpus} GPUs" for m in plan.machines]
    counted = ", ".join(f"{kinds.count(kind)} x ({kind})" for kind in dict.fromkeys(kinds))
    turns = "at the same time" if plan.overlapped else "in turns"
    return f"machines: {counted}; roles of the rollout phase work {turns} on their cores"


def _gpu_lines(plan: Plan, config: RunConfig, work: Workload) -> list[str]:
    if not any(role.num_gpus for role in plan.roles):
        return []
    if all(machine.gpu_memory_gb is None for machine in plan.machines):
        return ["memory of a GPU: not known and not checked; give cluster.gpu_memory_gb"]
    one = sequence_gb(config.cluster, work)
    shared = [role for role in plan.roles if 0 < role.num_gpus < 1]
    sharing = [_sharing_line([role.name for role in shared], plan.overlapped)] if shared else []
    return sharing + [
        f"{role.name}: an engine's KV cache holds {int(role.gpu.kv_cache / one)} sequences of {work.max_model_len} "
        f"tokens (cluster.max_num_seqs {config.cluster.max_num_seqs})"
        for role in plan.roles
        if role.name in ENGINES
    ]
