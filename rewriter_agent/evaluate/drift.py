"""How far a model is from the backbone, on answers that the backbone gives by itself to test questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from cluster.types import GenerateRequest, ScoreRequest
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.files import read_table, write_table
from rewriter_agent.io.seeds import request_seed

from .fleet_lm import Fleet
from .presets import PromptFormat
from .result import Drift

OWN_ANSWERS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("prompt_ids", pa.list_(pa.int32())),
        ("completion_ids", pa.list_(pa.int32())),
        ("logprobs", pa.list_(pa.float32())),
    ]
)
"""Log-probs under the backbone, which wrote the answers at temperature 1."""


def write_own_answers(
    backbone: Fleet,
    prompt_format: PromptFormat,
    problems: Sequence[Problem],
    config: EvaluateConfig,
    path: Path,
) -> None:
    """Sample one answer of the backbone to each of the first `own_answers` problems that leave room for one."""
    max_prompt_length = backbone.spec.max_model_len - 1 - config.max_completion_length
    prompts = {problem.id: prompt_format.prompt_ids(problem) for problem in problems[: config.own_answers]}
    asked = {problem_id: prompt for problem_id, prompt in prompts.items() if len(prompt) <= max_prompt_length}
    requests = [
        GenerateRequest(
            prompt, config.max_completion_length, 1.0, request_seed(config.seed, "own answer", problem_id)
        )
        for problem_id, prompt in asked.items()
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
