"""Stage `prepare`: problems, and where each lies between the expert's and the backbone's own words."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from cluster.types import GenerateRequest, ScoreRequest

from .data.load import load_problems
from .data.problem import Problem
from .files import run_shards, write_jsonl, write_table
from .progress import Progress
from .run import Run
from .scoring import mean
from .seeds import request_seed
from .tokens import Tokens

ANCHORS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("expert_ids", pa.list_(pa.int32())),
        ("expert_logprobs", pa.list_(pa.float32())),
        ("own_texts", pa.list_(pa.string())),
        ("expert", pa.float64()),
        ("own", pa.float64()),
    ]
)


def prepare(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """Load the data; compute l(y*) and l_self of every training problem under the backbone."""
    config = run.config
    problems = load_problems(config.data)
    tokens = Tokens(run.tokenizer, config.model.system_prompt)
    train = [problem for problem in problems.train if _fits(problem, tokens, run)]
    if not train:
        raise ValueError(
            f"no training problem fits model.max_model_len={config.model.max_model_len} with its completion; raise "
            "it or lower the max_completion_length of prepare, train and rewrite"
        )
    progress(f"{len(train)} training and {len(problems.test)} test problems; starting the backbone's engines")

    def work(shard: Sequence[Problem]) -> list[dict[str, Any]]:
        return _anchors(shard, tokens, run)

    def after(done: int) -> None:
        progress.share(done, len(train), "problems scored under the backbone")

    rows = run_shards(train, config.prepare.shard_size, folder / "anchors", ANCHORS, work, after)
    write_table(folder / "anchors.parquet", rows, ANCHORS)
    write_jsonl(folder / "train.jsonl", [asdict(problem) for problem in train])
    write_jsonl(folder / "test.jsonl", [asdict(problem) for problem in problems.test])
    return {
        "train": len(train),
        "test": len(problems.test),
        "too_long": len(problems.train) - len(train),
        **problems.counts,
        "expert_logprob": round(mean([row["expert"] for row in rows]), 3),
        "own_logprob": round(mean([row["own"] for row in rows]), 3),
    }


def _anchors(shard: Sequence[Problem], tokens: Tokens, run: Run) -> list[dict[str, Any]]:
    settings, count = run.config.prepare, run.config.prepare.num_own_samples
    prompts = [tokens.question(problem) for problem in shard]
    experts = [tokens.expert(problem) for problem in shard]
    expert_logprobs = run.backbone.score(
        [ScoreRequest(prompt, expert) for prompt, expert in zip(prompts, experts, strict=True)]
    )
    own = run.backbone.generate(
        [
            GenerateRequest(
                prompt,
                settings.max_completion_length,
                settings.temperature,
                request_seed(run.config.seed, "own", problem.id, k),
            )
            for problem, prompt in zip(shard, prompts, strict=True)
            for k in range(count)
        ]
    )
    rows = []
    for i, problem in enumerate(shard):
        samples = own[i * count : (i + 1) * count]
        rows.append(
            {
                "problem_id": problem.id,
                "expert_ids": experts[i],
                "expert_logprobs": expert_logprobs[i],
                "own_texts": [tokens.text(sample.token_ids) for sample in samples],
                "expert": mean(expert_logprobs[i]),
                "own": mean([mean(sample.logprobs) for sample in samples]),
            }
        )
    return rows


def _fits(problem: Problem, tokens: Tokens, run: Run) -> bool:
    config = run.config
    room = config.model.max_model_len - 1
    question = len(tokens.question(problem))
    completion = max(
        len(tokens.expert(problem)),
        config.prepare.max_completion_length,
        config.train.max_completion_length,
        config.rewrite.max_completion_length,
    )
    rewriting = len(tokens.rewriting(problem))
    longest_rewrite = max(config.train.max_completion_length, config.rewrite.max_completion_length)
    return question + completion <= room and rewriting + longest_rewrite <= room
