"""Distance of a model from the backbone, on answers that the backbone gives by itself to test and general prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from cluster.types import GenerateRequest, ScoreRequest
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompts import user_messages
from rewriter_agent.io.files import read_table, write_table
from rewriter_agent.io.seeds import request_seed

from .fleet_lm import Fleet
from .presets import PromptFormat
from .result import Drift
from .tokens import chat_prompt_ids

Prompts = Mapping[str, list[int]]
"""Token ids of prompts by name."""

OWN_ANSWERS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("prompt_ids", pa.list_(pa.int32())),
        ("completion_ids", pa.list_(pa.int32())),
        ("logprobs", pa.list_(pa.float32())),
    ]
)
"""Log-probs under the backbone, which wrote the answers at temperature 1."""


def task_prompts(prompt_format: PromptFormat, problems: Sequence[Problem], config: EvaluateConfig) -> Prompts:
    """Encode the first `own_answers` problems."""
    return {problem.id: prompt_format.prompt_ids(problem) for problem in problems[: config.own_answers]}


def general_prompts(prompt_format: PromptFormat, texts: Sequence[str], config: EvaluateConfig) -> Prompts:
    """Encode the first `general_answers` texts as chats."""
    tokenizer, system_prompt = prompt_format.tokenizer, prompt_format.system_prompt
    return {
        f"general-{number}": chat_prompt_ids(tokenizer, user_messages(text, system_prompt))
        for number, text in enumerate(texts[: config.general_answers])
    }


def write_own_answers(backbone: Fleet, prompts: Prompts, config: EvaluateConfig, path: Path) -> None:
    """Sample one answer of the backbone to each of the prompts that leave room for one."""
    max_prompt_length = backbone.spec.max_model_len - 1 - config.max_completion_length
    asked = {name: prompt for name, prompt in prompts.items() if len(prompt) <= max_prompt_length}
    requests = [
        GenerateRequest(
            prompt, config.max_completion_length, 1.0, request_seed(config.seed, "own answer", name)
        )
        for name, prompt in asked.items()
    ]
    written = [completion.token_ids for completion in backbone.generate(requests)]
    # Scored as every model will be: sampling computes in other batches, which rounds otherwise.
    scored = backbone.score(
        [ScoreRequest(r.prompt_ids, ids) for r, ids in zip(requests, written, strict=True)]
    )
    rows = zip(asked.items(), written, scored, strict=True)
    write_table(
        path,
        [
            {"problem_id": name, "prompt_ids": prompt, "completion_ids": ids, "logprobs": under.logprobs}
            for (name, prompt), ids, under in rows
        ],
        OWN_ANSWERS,
    )


def drift(fleet: Fleet, path: Path) -> Drift | None:
    """Measure the model that `fleet` serves on the answers in `path`; None if there are fewer than two."""
    rows = list(read_table(path))
    if len(rows) < 2:
        return None
    scored = fleet.score([ScoreRequest(row["prompt_ids"], row["completion_ids"]) for row in rows])
    names = [row["problem_id"] for row in rows]
    return Drift(
        backbone_logprobs={name: sum(row["logprobs"]) for name, row in zip(names, rows, strict=True)},
        logprobs={name: sum(under.logprobs) for name, under in zip(names, scored, strict=True)},
        tokens={name: len(row["completion_ids"]) for name, row in zip(names, rows, strict=True)},
    )
