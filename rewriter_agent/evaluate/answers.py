"""Answers of a model to problems, sampled once and kept: grading again needs no generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from cluster.types import Completion, GenerateRequest
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.files import Shard, batches, read_table, run_shards
from rewriter_agent.io.seeds import request_seed

from .fleet_lm import Fleet
from .presets import PromptFormat

PROBLEMS_A_SHARD = 128
ANSWERS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("text", pa.string()),
        ("length", pa.int32()),
        ("finished", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Answer:
    """One answer to one problem."""

    problem_id: str
    sample: int
    """0 is greedy; from 1 on they are sampled at `temperature`."""
    text: str
    length: int
    """Tokens, the end token included."""
    finished: bool
    """Whether the answer ended by itself; False if it was cut, or the prompt left no space for it."""


def answers(
    serve: Callable[[], Fleet],
    prompt_format: PromptFormat,
    problems: Sequence[Problem],
    config: EvaluateConfig,
    folder: Path,
    after: Callable[[Shard], None] = lambda shard: None,
) -> list[Answer]:
    """A greedy answer and `num_samples` sampled ones a problem, in order; those in `folder` are not asked for again.

    `serve` starts the engines, and is not called if no answer is missing.
    """

    def work(shard: Sequence[Problem]) -> list[dict[str, object]]:
        asked = [(problem, sample) for problem in shard for sample in range(config.num_samples + 1)]
        return [asdict(answer) for answer in _ask(serve(), prompt_format, asked, config)]

    shards = run_shards(batches(problems, PROBLEMS_A_SHARD), folder, ANSWERS, work, after)
    return [Answer(**row) for shard in shards for row in read_table(shard)]


def _ask(
    fleet: Fleet, prompt_format: PromptFormat, asked: Sequence[tuple[Problem, int]], config: EvaluateConfig
) -> list[Answer]:
    prompts = [prompt_format.prompt_ids(problem) for problem, _ in asked]
    limits = [
        min(config.max_completion_length, fleet.spec.max_model_len - 1 - len(prompt)) for prompt in prompts
    ]
    requests = [
        GenerateRequest(
            prompt,
            max_tokens=max_tokens,
            temperature=config.temperature if sample else 0.0,
            seed=request_seed(config.seed, "evaluate", problem.id, sample) if sample else config.seed,
        )
        for (problem, sample), prompt, max_tokens in zip(asked, prompts, limits, strict=True)
        if max_tokens > 0
    ]
    completions = iter(fleet.generate(requests))
    return [
        _answer(problem, sample, next(completions), prompt_format)
        if max_tokens > 0
        else Answer(problem.id, sample, "", 0, False)
        for (problem, sample), max_tokens in zip(asked, limits, strict=True)
    ]


def _answer(problem: Problem, sample: int, completion: Completion, prompt_format: PromptFormat) -> Answer:
    text, ended = prompt_format.answer(completion.text_ids)
    return Answer(problem.id, sample, text, len(completion.token_ids), completion.finished or ended)
