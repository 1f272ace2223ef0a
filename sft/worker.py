"""What each training process does."""

from dataclasses import asdict
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
import trl
from transformers import AutoModelForCausalLM, PreTrainedModel

from sft.checkpoints import MarkComplete, is_final, newest_complete, remove_incomplete
from sft.collator import SFTCollator
from sft.config import SFTConfig
from sft.job import SFTJob
from sft.metrics import MetricsWriter
from sft.rows import drop_long_rows, read_rows, to_dataset
from sft.tokenizer import load_tokenizer
from sft.trainer import WeightedSFTTrainer
from sft.weight_config import ASFTWeight

DEEPSPEED_CONFIG: dict[str, Any] = {
    "bf16": {"enabled": True},
    "zero_optimization": {
        "stage": 3,
        # Without it a checkpoint holds no weights that plain transformers can load.
        "stage3_gather_16bit_weights_on_model_save": True,
        "reduce_bucket_size": "auto",
        "stage3_prefetch_bucket_size": "auto",
        "stage3_param_persistence_threshold": "auto",
    },
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
}


def train(job: SFTJob) -> None:
    """Train until the final checkpoint is complete, from the newest complete one where there is one."""
    torch.set_num_threads(job.threads)
    # DeepSpeed would compile a collective that only inference uses: half a minute, and a lock file that
    # blocks every later start if a worker is killed meanwhile.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    # Before the training arguments: they read the world size, which is 1 until DeepSpeed has joined.
    deepspeed.init_distributed(dist_backend="nccl" if job.use_gpu else "gloo")
    if dist.get_rank() == 0:
        remove_incomplete(job.checkpoints_dir)
    dist.barrier()
    checkpoint = newest_complete(job.checkpoints_dir)
    # Training from the last step would take one step too many.
    if checkpoint is None or not is_final(checkpoint):
        build_trainer(job).train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))


def build_trainer(job: SFTJob) -> WeightedSFTTrainer:
    """Trainer of this rank, its model partitioned over the ranks while it is loaded."""
    # from_pretrained partitions weights while ZeRO-3 arguments are alive: the reference is whole, the model is not.
    reference = load_reference(job) if uses_reference(job.sft) else None
    args = training_arguments(job)
    tokenizer = load_tokenizer(job.model)
    rows = drop_long_rows(read_rows(job.rows), job.sft.max_length)
    outcomes = tuple(sorted({row.outcome for row in rows}))
    return WeightedSFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.bfloat16),
        args=args,
        data_collator=SFTCollator(pad_token_id=tokenizer.eos_token_id, outcomes=outcomes),
        train_dataset=to_dataset(rows),
        processing_class=tokenizer,
        callbacks=[MarkComplete(), MetricsWriter(job.metrics_path)],
        weight=job.sft.weight,
        outcomes=outcomes,
        outcome_weights=job.sft.outcome_weights,
        reference=reference,
        probe_rows=[asdict(row) for row in read_rows(job.probe)[: job.sft.probe_size]] if job.probe else [],
    )


def uses_reference(sft: SFTConfig) -> bool:
    """Whether a rule holds the model near the one that it starts from."""
    return any(isinstance(rule, ASFTWeight) for rule in (sft.weight, *sft.outcome_weights.values()))


def load_reference(job: SFTJob) -> PreTrainedModel:
    """The model that training starts from, frozen, on this rank's device."""
    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.bfloat16)
    return model.requires_grad_(False).eval().to("cuda" if job.use_gpu else "cpu")


def training_arguments(job: SFTJob) -> trl.SFTConfig:
    """TRL's arguments for rows that are already token ids."""
    return trl.SFTConfig(
        output_dir=str(job.checkpoints_dir),
        **job.sft.model_dump(exclude={"weight", "outcome_weights", "probe_size", "num_workers"}),
        seed=job.seed,
        bf16=True,
        use_cpu=not job.use_gpu,
        deepspeed=DEEPSPEED_CONFIG,
        average_tokens_across_devices=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        save_strategy="steps",
        # The newest checkpoint is not complete while it is written, so the one before it has to stay.
        save_total_limit=2,
        logging_strategy="steps",
        dataloader_pin_memory=job.use_gpu,
        report_to=job.report_to,
        run_name=job.run_name,
        disable_tqdm=True,
    )
