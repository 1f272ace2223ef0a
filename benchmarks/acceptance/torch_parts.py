"""Parts that start no engine and no cluster."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from pydantic import TypeAdapter

from cluster.planning.machine import GB
from cluster.planning.memory import learner_footprint, sft_footprint
from cluster.planning.workload import Workload
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import Tokens, load_tokens
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import model_shape
from rewriter_agent.runtime.workload import workload
from sft.config.weights import Weight
from sft.quantization import quantization_config

from .rows import Row, Setting

CONFIG = "configs/lab.yaml"
KINDS = (
    "none",
    "dft",
    "token_is",
    "sequence_is",
    "prior_ratio",
    "iw_sft",
    "eaft",
    "low_perplexity_mask",
    "prior",
    "asft",
)
STEPS = 2
"""Optimiser steps of each training."""
ROWS = 16
REWARDS = (1.0, 0.5, 0.25, 0.0)
"""Made-up rewards of the candidates of a problem."""


def weights(setting: Setting) -> list[Row]:
    """Weights of made-up tokens under every rule."""
    from sft.loss.weights import TokenBatch, token_weights

    draw = torch.Generator().manual_seed(0)
    made = [-6 * torch.rand(8, 64, generator=draw) for _ in range(3)]
    logprobs, behavior, prior = (values.to(setting.device) for values in made)
    entropies = torch.rand(8, 64, generator=draw).to(setting.device)
    rows = torch.arange(8, device=setting.device)[:, None].expand(8, 64)
    tokens = TokenBatch(logprobs, behavior, prior, entropies, torch.ones_like(rows, dtype=torch.bool), rows)
    rules = [TypeAdapter(Weight).validate_python({"kind": kind}) for kind in KINDS]
    return [
        Row(f"mean weight, {rule.kind}", token_weights(rule, tokens).weights.mean().item(), tolerance=1e-5)
        for rule in rules
    ]


def logprobs(setting: Setting) -> list[Row]:
    """Log-probs of expert solutions under the laboratory's backbone."""
    config = config_of()
    tokens, texts = expert_texts(config)
    found = []
    for dtype, tolerance in (("float32", 1e-3), ("bfloat16", 2e-2)):
        model = backbone(config, dtype, setting.device)
        score(model, texts[:1])
        start = time.perf_counter()
        values = [value for row in score(model, texts) for value in row]
        seconds = time.perf_counter() - start
        found += [
            Row(f"mean log-prob, {dtype}", fmean(values), "nats", tolerance),
            Row(f"speed, {dtype}", sum(len(a) + len(b) for a, b in texts) / seconds, "tokens/s"),
        ]
    assert tokens.ends.ids
    return found


def learner(setting: Setting) -> list[Row]:
    """GRPO of a LoRA in bfloat16 on recorded candidates with made-up rewards."""
    return learn(setting)


def quantized(setting: Setting) -> list[Row]:
    """The same on weights in 4 bits."""
    return learn(setting, "train.load_in_4bit=true", "cluster.device=gpu")


def learn(setting: Setting, *overrides: str) -> list[Row]:
    """Train by GRPO on recorded candidates."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import GRPOConfig

    from .recorded import RecordedTrainer

    config = config_of(
        "model.dtype=bfloat16",
        f"train.num_generations={len(REWARDS)}",
        f"train.per_device_train_batch_size={ROWS}",
        "train.gradient_accumulation_steps=1",
        *overrides,
    )
    _, texts = expert_texts(config)
    recorded = score(backbone(config, "bfloat16", "cpu"), texts)
    trainer = RecordedTrainer(
        texts=texts[: ROWS // len(REWARDS)],
        logprobs=recorded,
        rewards=REWARDS,
        model=backbone(config, "bfloat16", setting.device, config.train.load_in_4bit),
        args=GRPOConfig(
            output_dir=str(setting.folder),
            use_cpu=setting.device == "cpu",
            bf16=True,
            max_steps=STEPS,
            num_generations=len(REWARDS),
            per_device_train_batch_size=ROWS,
            max_completion_length=config.train.max_completion_length,
            learning_rate=config.train.learning_rate,
            beta=0.0,
            scale_rewards="none",
            loss_type="dr_grpo",
            vllm_importance_sampling_mode=config.train.vllm_importance_sampling_mode,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list([{"prompt": str(i)} for i in range(ROWS // len(REWARDS))]),
        processing_class=load_tokens(resolve_model(config.model.name_or_path), config.model).tokenizer,
        peft_config=LoraConfig(task_type="CAUSAL_LM", **config.train.lora.model_dump()),
    )
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    first = next(row for row in trainer.state.log_history if "loss" in row)
    tokens = STEPS * sum(len(prompt) + len(text) for prompt, text in texts[:ROWS])
    footprint = learner_footprint(work_of(config, texts), setting.device == "cuda")
    return [
        Row("loss of the first step", first["loss"], tolerance=0.02),
        Row("norm of the gradient", first["grad_norm"], tolerance=0.1 * max(1.0, first["grad_norm"])),
        Row(
            "difference from the recorded log-probs",
            first["sampling/sampling_logp_difference/mean"],
            "nats",
            0.03,
        ),
        Row("speed, the first step included", tokens / seconds, "tokens/s"),
        memory_row(setting, footprint),
    ]


def tuning(setting: Setting) -> list[Row]:
    """Fine-tuning in this process with each weight."""
    rows = []
    for kind in KINDS:
        rows += train_rows(setting, kind, f"weight {kind}", weight={"kind": kind})
    config = config_of("sft.num_workers=1", "sft.per_device_train_batch_size=4")
    work = work_of(config, expert_texts(config)[1])
    return [*rows, memory_row(setting, sft_footprint(work, setting.device == "cuda"))]


def zero3(setting: Setting) -> list[Row]:
    """Fine-tuning under ZeRO-3, with weights and optimizer state that move between the devices."""
    offload = {"offload_optimizer_device": "cpu", "offload_param_device": "cpu"}
    return train_rows(setting, "offloaded", "ZeRO-3", weight={"kind": "token_is"}, **offload)


def train_rows(setting: Setting, name: str, what: str, in_process: bool = True, **options: Any) -> list[Row]:
    """Fine-tune the laboratory's backbone on expert solutions; loss of the first step and speed of the last."""
    from sft.config.sft import SFTConfig
    from sft.data.rows import SFTRow, write_rows
    from sft.job import SFTJob
    from sft.run import run_sft
    from sft.runtime.metrics import read_metrics

    config = config_of()
    tokens, texts = expert_texts(config)
    path = setting.folder / "rows.parquet"
    if not path.exists():
        scored = score(backbone(config, "float32", "cpu"), texts)
        write_rows(
            [
                SFTRow(prompt, text, logprobs, "backbone", "rewritten", logprobs)
                for (prompt, text), logprobs in zip(texts, scored, strict=True)
            ],
            path,
        )
    given = {
        "num_workers": 1,
        "max_steps": STEPS,
        "per_device_train_batch_size": 4,
        "max_length": config.sft.max_length,
        "logging_steps": 1,
        "probe_size": 0,
        "learning_rate": config.sft.learning_rate,
    }
    job = SFTJob(
        model=Path(resolve_model(config.model.name_or_path)),
        rows=path,
        end_token_ids=tokens.ends.ids,
        output_dir=setting.folder / name,
        sft=SFTConfig.model_validate(given | options),
        use_gpu=setting.device == "cuda",
        in_process=in_process,
    )
    run_sft(job)
    lines = read_metrics(job.metrics_path)
    return [
        Row(f"loss of the first step, {what}", lines[0]["loss"], tolerance=0.03),
        Row(f"speed, {what}", lines[-1]["tokens_per_second"], "tokens/s"),
    ]


def config_of(*overrides: str) -> RunConfig:
    """The laboratory's config with few problems."""
    return load_config(Path(CONFIG), [f"data.num_train={ROWS}", "data.num_test=4", *overrides])


def work_of(config: RunConfig, texts: Sequence[tuple[list[int], list[int]]]) -> Workload:
    """The plan's workload for texts that are shorter than the config allows."""
    whole = max(len(prompt) + len(text) for prompt, text in texts)
    changes = {
        "model": config.model.model_copy(update={"max_model_len": whole}),
        "train": config.train.model_copy(
            update={"max_completion_length": max(len(text) for _, text in texts)}
        ),
        "sft": config.sft.model_copy(update={"max_length": whole}),
    }
    return workload(config.model_copy(update=changes), model_shape(resolve_model(config.model.name_or_path)))


def expert_texts(config: RunConfig) -> tuple[Tokens, list[tuple[list[int], list[int]]]]:
    """The tokens of the config's model, and the ids of each question and its expert solution."""
    tokens = load_tokens(resolve_model(config.model.name_or_path), config.model)
    problems = load_problems(config.data).train
    return tokens, [(tokens.question(problem), tokens.expert(problem)) for problem in problems]


def backbone(config: RunConfig, dtype: str, device: str, load_in_4bit: bool = False) -> Any:
    """The config's model on transformers."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        resolve_model(config.model.name_or_path),
        dtype=dtype,
        device_map=device,
        quantization_config=quantization_config(dtype) if load_in_4bit else None,
        trust_remote_code=False,
    ).eval()


@torch.inference_mode()
def score(model: Any, texts: Sequence[tuple[list[int], list[int]]]) -> list[list[float]]:
    """Log-probs of the second part of each text given the first."""
    found = []
    for prompt, text in texts:
        logits = model(torch.tensor([prompt + text], device=model.device)).logits[0, len(prompt) - 1 : -1]
        chosen = torch.tensor(text, device=model.device)[:, None]
        found.append(logits.float().log_softmax(-1).gather(1, chosen)[:, 0].tolist())
    return found


def memory_row(setting: Setting, footprint: Any) -> Row:
    """Peak memory of this process on its device, with the plan's."""
    if setting.device == "cuda":
        free, total = torch.cuda.mem_get_info()
        # Contexts and libraries hold memory that torch does not count.
        others = total - free - torch.cuda.memory_reserved()
        return Row(
            "peak memory of the GPU",
            (torch.cuda.max_memory_reserved() + others) / GB,
            "GiB",
            planned=footprint.gpu.total,
        )
    return Row("peak memory of the process", peak_gb(), "GiB", planned=footprint.host.total)


def peak_gb() -> float:
    """Peak resident memory of this process since it has started."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024**2
