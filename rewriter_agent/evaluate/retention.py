"""What a model could do before and should still do: lm-evaluation-harness tasks."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ..config.evaluate import EvaluateConfig
from .result import PartResult
from .retention_tasks import build_task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .fleet_lm import Fleet


def evaluate_retention(
    fleet: Fleet,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    config: EvaluateConfig,
    system_prompt: str | None = None,
) -> PartResult:
    """One retention task through lm-eval's `evaluate`; metric keys are lm-eval's (`acc,none`)."""
    from lm_eval.evaluator import evaluate

    from .fleet_lm import FleetLM

    chat = name == "sciq_generate"
    metric = "contains" if chat else "acc"
    with _quiet():
        task = build_task(name, config.retention_limit, config.seed)
        results = evaluate(
            FleetLM(fleet, tokenizer, config.seed),
            {"tasks": {name: task}},
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            system_instruction=system_prompt if chat else None,
        )
    assert results is not None, "only ranks above 0 get no results"
    return PartResult(
        name=name,
        metric=metric,
        metrics={key: value for key, value in results["results"][name].items() if "," in key},
        correct={s["doc"]["item_id"]: bool(s[metric]) for s in results["samples"][name]},
        samples=[_sample(s, metric) for s in results["samples"][name]],
    )


def _sample(sample: dict[str, Any], metric: str) -> dict[str, Any]:
    return {
        "id": sample["doc"]["item_id"],
        "question": sample["doc"]["question"],
        "target": sample["target"],
        "responses": sample["filtered_resps"],
        metric: sample[metric],
    }


@contextmanager
def _quiet() -> Generator[None]:
    """Keep lm-eval's remarks on our task definitions and its progress bar off the terminal."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # The bar over one task's documents has no option of its own.
        with patch("lm_eval.api.task.tqdm", lambda documents, **_: documents):
            yield
    finally:
        logger.setLevel(level)
