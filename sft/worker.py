"""Training in one process: model, trainer and arguments of a rank."""

from contextlib import nullcontext
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
import trl
from peft import LoraConfig
from transformers import AutoModelForCausalLM, PreTrainedModel

from sft.compat.deepspeed import release_engine, skip_inference_collective
from sft.compat.transformers import skip_batches_by_drawing
from sft.config.sft import SFTConfig
from sft.data.collator import SFTCollator
from sft.data.dataset import to_dataset
from sft.data.rows import drop_long_rows, read_rows
from sft.data.tokenizer import load_tokenizer
from sft.runtime.checkpoints import MarkComplete, newest_complete, read_state, remove_incomplete
from sft.runtime.metrics import MetricsWriter, ReplayLog, finish_reporting
from sft.runtime.sequence_parallel import flatten_epochs, length_multiple, parallelism
from sft.runtime.stop import StopAt

from .job import SFTJob
from .quantization import quantization_config
from .resume import has_ended
from .trainer import WeightedSFTTrainer

TRL_OPTIONS = {
    "bf16",
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "max_length",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "max_grad_norm",
    "save_steps",
    "logging_steps",
    "gradient_checkpointing",
    "use_liger_kernel",
}
"""Options that are passed on to TRL unchanged."""

BUCKET = 10_000_000
"""Numbers in the buffer in which DeepSpeed collects gradients under ZeRO-1; a larger gradient is not copied to it.

The default of 500 million takes 1 GB in 16 bits. The buffer is new in each step.
"""


def deepspeed_config(sft: SFTConfig) -> dict[str, Any]:
    """Config of DeepSpeed, with sizes that transformers fills in."""
    return {
        "bf16": {"enabled": sft.bf16},
        "zero_optimization": zero_config(sft),
        # Use torch's AdamW: DeepSpeed compiles its own on first use, which needs a compiler.
        "zero_force_ds_cpu_optimizer": False,
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
    }


def zero_config(sft: SFTConfig) -> dict[str, Any]:
    """Config of ZeRO-3, or of ZeRO-1 if one worker holds everything on its device.

    Such a worker has nothing to partition, and ZeRO-3 would only gather and release its own weights in each layer.
    """
    if sft.num_workers == 1 and not sft.offloads:
        return {"stage": 1, "reduce_bucket_size": BUCKET}
    return {
        "stage": 3,
        "offload_optimizer": {"device": sft.offload_optimizer_device},
        "offload_param": {"device": sft.offload_param_device},
        # Otherwise checkpoints have no weights that plain transformers can load.
        "stage3_gather_16bit_weights_on_model_save": True,
        "reduce_bucket_size": "auto",
        "stage3_prefetch_bucket_size": "auto",
        "stage3_param_persistence_threshold": "auto",
    }


def train(job: SFTJob) -> None:
    """Train until the final checkpoint is complete, starting from the newest complete one, if any."""
    join_process_group(job)
    if dist.get_rank() == 0:
        remove_incomplete(job.checkpoints_dir)
    dist.barrier()
    checkpoint = newest_complete(job.checkpoints_dir)
    # transformers takes one more step when it resumes from the last one.
    if checkpoint is None or not has_ended(checkpoint, job):
        trainer = build_trainer(job)
        if checkpoint is not None:
            trainer.restore_token_count(read_state(checkpoint)["log_history"])
        with skip_batches_by_drawing() if job.sft.sp_size > 1 else nullcontext():
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        finish_reporting(job.report_to)
        release_engine(trainer.model_wrapped)


def join_process_group(job: SFTJob) -> None:
    """Join the process group of the job's ranks."""
    torch.set_num_threads(job.threads)
    skip_inference_collective()
    # Must precede the training arguments, which read the world size: it is 1 until DeepSpeed has joined.
    deepspeed.init_distributed(dist_backend="nccl" if job.use_gpu else "gloo")


def build_trainer(job: SFTJob) -> WeightedSFTTrainer:
    """Trainer of this rank; the model is partitioned over the ranks while it is loaded."""
    rows = drop_long_rows(read_rows(job.rows), job.sft.max_length)
    outcomes = tuple(sorted({row.outcome for row in rows}))
    anchored = any(job.sft.rule(outcome).needs_reference for outcome in outcomes)
    # from_pretrained partitions weights once ZeRO-3's training arguments exist; the reference must not be partitioned.
    reference = load_reference(job) if anchored and not job.sft.lora else None
    args = training_arguments(job)
    tokenizer = load_tokenizer(job.model)
    if tokenizer.eos_token is None:
        # TRL pads with it if there is no padding token.
        tokenizer.eos_token = str(tokenizer.convert_ids_to_tokens(job.end_token_ids[0]))
    shared = length_multiple(job.sft, job.use_gpu) if job.sft.sp_size > 1 else None
    if shared:
        steps = job.sft.total_steps(len(rows))
        rows = flatten_epochs(rows, steps * job.sft.rows_per_step, job.seed)
        args.max_steps = steps
    pack_length = job.sft.max_length if job.sft.packing else None
    return WeightedSFTTrainer(
        model=load_model(job),
        args=args,
        data_collator=SFTCollator(job.end_token_ids[0], job.sft.packing, shared),
        train_dataset=to_dataset(rows, outcomes, pack_length),
        processing_class=tokenizer,
        callbacks=[
            MarkComplete(),
            MetricsWriter(job.metrics_path, job.behavior_step),
            *([ReplayLog(job.metrics_path)] if job.report_to == "wandb" else []),
            *([StopAt(job.until, job.until_kl)] if job.until else []),
        ],
        peft_config=LoraConfig(task_type="CAUSAL_LM", **job.sft.lora.model_dump()) if job.sft.lora else None,
        rules={outcome: job.sft.rule(outcome) for outcome in outcomes},
        reference=reference,
        probe_rows=to_dataset(read_rows(job.probe)[: job.sft.probe_size]).to_list() if job.probe else [],
        probe_steps=job.sft.probe_steps,
    )


def load_model(job: SFTJob) -> PreTrainedModel:
    """Load the initial model, in 4 bits if the job asks for it."""
    return AutoModelForCausalLM.from_pretrained(
        job.model,
        dtype=job.sft.dtype,
        attn_implementation=job.sft.attn_implementation,
        quantization_config=quantization_config(job.sft.dtype) if job.sft.load_in_4bit else None,
        trust_remote_code=False,
    )


def load_reference(job: SFTJob) -> PreTrainedModel:
    """Load a frozen copy of the initial model on this rank's device."""
    return load_model(job).requires_grad_(False).eval().to("cuda" if job.use_gpu else "cpu")


def training_arguments(job: SFTJob) -> trl.SFTConfig:
    """TRL's arguments, for rows that are already tokenized."""
    return trl.SFTConfig(
        output_dir=str(job.checkpoints_dir),
        **job.sft.model_dump(include=TRL_OPTIONS),
        gradient_accumulation_steps=job.sft.accumulation,
        train_sampling_strategy="sequential" if job.sft.refresh or job.sft.sp_size > 1 else "random",
        parallelism_config=parallelism(job.sft) if job.sft.sp_size > 1 else None,
        seed=job.seed,
        use_cpu=not job.use_gpu,
        deepspeed=deepspeed_config(job.sft),
        average_tokens_across_devices=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        save_strategy="steps",
        # The newest checkpoint may be incomplete; the one before it has to stay.
        save_total_limit=2,
        logging_strategy="steps",
        dataloader_pin_memory=job.use_gpu,
        report_to=job.report_to,
        run_name=job.run_name,
        disable_tqdm=True,
    )
