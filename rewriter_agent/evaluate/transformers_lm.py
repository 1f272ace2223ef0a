"""Retention tasks on transformers, in a process of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ray

from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.prompt_encoder import Tokens

from .result import PartResult

BATCH_SIZE = 8


@dataclass(frozen=True)
class TransformersModel:
    """A Hugging Face folder, and what computes with it."""

    folder: Path
    dtype: str
    max_model_len: int
    use_gpu: bool
    threads: int
    tokens: Tokens
    """Tokenizer of the backbone, which fine-tuned models share."""


def evaluate_on_transformers(
    model: TransformersModel, name: str, config: EvaluateConfig, system_prompt: str | None
) -> PartResult:
    """One retention task with lm-evaluation-harness's own `hf` model, as a Ray task."""
    environment = {"OMP_NUM_THREADS": str(model.threads), "TOKENIZERS_PARALLELISM": "false"}
    # It reserves no core: nothing else of the run works meanwhile.
    task = ray.remote(_evaluate).options(
        num_cpus=0, num_gpus=int(model.use_gpu), runtime_env={"env_vars": environment}
    )
    return ray.get(task.remote(model, name, config, system_prompt))


def _evaluate(
    model: TransformersModel, name: str, config: EvaluateConfig, system_prompt: str | None
) -> PartResult:
    # Imported in the task: the driver holds no model.
    from .hf_lm import TextHFLM
    from .retention import evaluate_retention

    lm = TextHFLM(
        pretrained=str(model.folder),
        dtype=model.dtype,
        device="cuda" if model.use_gpu else "cpu",
        batch_size=BATCH_SIZE,
        max_length=model.max_model_len,
        trust_remote_code=False,
        tokenizer=model.tokens.tokenizer,
    )
    lm.model.generation_config.eos_token_id = list(model.tokens.ends.ids)
    return evaluate_retention(lm, name, config, system_prompt)
