"""The run's workload as the cluster's plan wants it, and the plan as a table."""

from cluster.plan import Plan, Workload

from .config import RunConfig
from .models.resolve import resolve_model
from .models.size import ModelSize, encoder_size


def workload(config: RunConfig, size: ModelSize) -> Workload:
    """What the plan's memory estimate needs to know of a run."""
    reward = config.reward
    encoder = size
    if reward.needs_embeddings and reward.embedding_model:
        encoder = encoder_size(resolve_model(reward.embedding_model))
    return Workload(
        parameters=size.parameters,
        vocab_size=size.vocab_size,
        max_model_len=config.model.max_model_len,
        learner_batch=config.train.per_device_train_batch_size,
        overlapped=config.train.max_staleness > 0,
        sft_batch=config.sft.per_device_train_batch_size,
        sft_workers=config.sft.num_workers,
        sft_adapter=config.sft.lora is not None,
        sft_bf16=config.sft.bf16,
        sft_offload="cpu" in (config.sft.offload_optimizer_device, config.sft.offload_param_device),
        sft_reference=config.sft.uses_reference,
        encoder_parameters=encoder.parameters if reward.needs_embeddings else 0,
        # A sentence encoder is small enough for the CPU, the backbone may not be.
        encoder_on_gpu=reward.embedding_model is None,
    )


def plan_table(plan: Plan) -> str:
    """One line a role, one a phase, and the tightest constraint."""
    machine = plan.machine
    lines = [f"{'phase':<9}{'role':<10}{'count':>5}{'threads':>9}{'GPUs':>6}{'GiB each':>10}"]
    lines += [
        f"{r.phase:<9}{r.name:<10}{r.count:>5}{r.threads:>9}{r.num_gpus:>6g}{r.memory_gb:>10.1f}"
        for r in plan.roles
    ]
    for phase in ("rollout", "sft"):
        lines.append(f"phase {phase}: about {plan.memory_gb(phase):.1f} of {machine.memory_gb:.1f} GiB")
    lines.append(
        f"machine: {machine.cpus} cores, {machine.gpus} GPUs; roles of a phase work in turns on its cores"
    )
    return "\n".join(lines)
