"""Stage `prepare`: problems, and where each lies between the expert's and the backbone's own words."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from cluster.types import GenerateRequest, ScoreRequest

from .anchor_cache import AnchorCache, cache_key
from .data.load import load_problems
from .data.problem import Problem
from .files import run_shards, write_jsonl, write_table
from .judge import judgement_length
from .progress import Progress
from .run import Run
from .scoring import mean
from .seeds import request_seed
from .tokens import Tokens

CACHE_FILE = "cache/anchors.sqlite"
"""Under output_dir: runs with the same backbone and prompts share it."""

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
        with AnchorCache(config.output_dir / CACHE_FILE) as cache:
            return _anchors(shard, tokens, run, cache)

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


def _anchors(shard: Sequence[Problem], tokens: Tokens, run: Run, cache: AnchorCache) -> list[dict[str, Any]]:
    prompts = [tokens.question(problem) for problem in shard]
    experts = [tokens.expert(problem) for problem in shard]
    expert_logprobs = _expert_logprobs(prompts, experts, run, cache)
    own = _own_samples(shard, prompts, tokens, run, cache)
    return [
        {
            "problem_id": problem.id,
            "expert_ids": ids,
            "expert_logprobs": logprobs,
            "own_texts": samples["texts"],
            "expert": mean(logprobs),
            "own": samples["logprob"],
        }
        for problem, ids, logprobs, samples in zip(shard, experts, expert_logprobs, own, strict=True)
    ]


def _expert_logprobs(
    prompts: list[list[int]], experts: list[list[int]], run: Run, cache: AnchorCache
) -> list[list[float]]:
    """Per token, in nats."""

    def compute(missing: list[int]) -> list[list[float]]:
        scored = run.backbone.score([ScoreRequest(prompts[i], experts[i]) for i in missing])
        return [tokens.logprobs for tokens in scored]

    pairs = zip(prompts, experts, strict=True)
    return cache.fill([cache_key("expert", *run.backbone_identity, *pair) for pair in pairs], compute)


def _own_samples(
    shard: Sequence[Problem], prompts: list[list[int]], tokens: Tokens, run: Run, cache: AnchorCache
) -> list[dict[str, Any]]:
    """Each problem's unaided solutions: their `texts`, and their mean `logprob` in nats per token."""
    settings, count = run.config.prepare, run.config.prepare.num_own_samples

    def request(i: int, k: int) -> GenerateRequest:
        seed = request_seed(run.config.seed, "own", shard[i].id, k)
        return GenerateRequest(prompts[i], settings.max_completion_length, settings.temperature, seed)

    def compute(missing: list[int]) -> list[dict[str, Any]]:
        asked = [request(i, k) for i in missing for k in range(count)]
        written = [completion.token_ids for completion in run.backbone.generate(asked)]
        # Scored like every other text: the engine's own log-probs are those at the sampling temperature.
        scored = run.backbone.score(
            [ScoreRequest(request.prompt_ids, ids) for request, ids in zip(asked, written, strict=True)]
        )
        return [
            {
                "texts": [tokens.text(ids) for ids in written[start : start + count]],
                "logprob": mean([mean(sample.logprobs) for sample in scored[start : start + count]]),
            }
            for start in range(0, len(asked), count)
        ]

    keys = [
        cache_key("own, scored", *run.backbone_identity, *(asdict(request(i, k)) for k in range(count)))
        for i in range(len(shard))
    ]
    return cache.fill(keys, compute)


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
    longest_rewrite = max(config.train.max_completion_length, config.rewrite.max_completion_length)
    rewriting = len(tokens.rewriting(problem)) + longest_rewrite
    judging = judgement_length(tokens, problem) + longest_rewrite if config.reward.judge else 0
    return max(question + completion, rewriting, judging) <= room
