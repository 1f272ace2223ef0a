"""The rewriting job: prepared problems in, targets and candidates out, a shard of them in memory at a time."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from reward import CheckSteps
from rewriter_agent.io.files import Shard, atomic, batches, join_shards, make_shards, write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import Prepared, prepared
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.scoring.group_scorer import AnchoredProblem

from .record import (
    CANDIDATES,
    PROBLEM_COSTS,
    REWRITES,
    ExpertTokens,
    Provenance,
    add_false_steps,
    candidate_rows,
    cost_row,
    target_rows,
)
from .rounds import Attempt
from .tally import Tally

Attempts = Callable[[Sequence[AnchoredProblem]], list[Attempt]]
"""Makes a strategy's attempts at a shard; the result depends on the shard and the run's seed alone."""
Log = Callable[[int, dict[str, float]], None]
"""Takes the number of finished problems, and the metrics over all of them."""


def rewrite_file(
    source: Path,
    folder: Path,
    attempts: Attempts,
    origin: Provenance,
    check_steps: CheckSteps,
    progress: Progress,
    side_by_side: int = 1,
    log: Log | None = None,
) -> Tally:
    """Rewrite the problems in `source`, in their order; write the tables and `metrics.jsonl` to `folder`.

    `side_by_side` shards are in progress at a time. `log` also gets the metrics after each shard. A killed job resumes
    with the missing shards and writes the same bytes, if `attempts` returns the same for the same shard.
    """
    total = pq.read_metadata(source).num_rows
    tally = Tally()

    def make(shard: Sequence[Prepared], path: Path) -> None:
        write_records(path, shard, attempts([row.problem for row in shard]), origin, check_steps)

    def after(shard: Shard) -> None:
        tally.add_folder(StageFolder(shard.path))
        metrics = tally.metrics()
        lines.write(json.dumps({"step": shard.done, "max_steps": total, **metrics}) + "\n")
        lines.flush()
        if shard.new:
            progress.share(shard.done, total, f"problems | {tally.line()}")
        # Also for shards that existed: their last log lines may have been lost with the process.
        if log:
            log(shard.done, metrics)

    shards = batches(prepared(source), origin.config.shard_size)
    folder.mkdir(parents=True, exist_ok=True)
    # Rewritten from the start: the shards that exist are its history.
    with StageFolder(folder).metrics.open("w") as lines:
        parts = make_shards(shards, folder / "shards", make, after, side_by_side)
    _join([StageFolder(part) for part in parts], StageFolder(folder))
    return tally


def write_records(
    path: Path,
    shard: Sequence[Prepared],
    tried: Sequence[Attempt],
    origin: Provenance,
    check_steps: CheckSteps,
) -> None:
    """Write the shard's three tables as one folder, whole or not at all."""
    targets = [
        row
        for given, attempt in zip(shard, tried, strict=True)
        for row in target_rows(attempt, ExpertTokens(given.expert_ids, given.expert_logprobs), origin)
    ]
    add_false_steps(targets, check_steps)
    with atomic(path) as temporary:
        tables = StageFolder(temporary)
        write_table(
            tables.candidates, [row for attempt in tried for row in candidate_rows(attempt)], CANDIDATES
        )
        write_table(tables.costs, [cost_row(attempt) for attempt in tried], PROBLEM_COSTS)
        write_table(tables.rewrites, targets, REWRITES)


def _join(parts: Sequence[StageFolder], folder: StageFolder) -> None:
    join_shards([part.candidates for part in parts], folder.candidates, CANDIDATES)
    join_shards([part.costs for part in parts], folder.costs, PROBLEM_COSTS)
    # Last: a refresh takes its presence for a complete job.
    join_shards([part.rewrites for part in parts], folder.rewrites, REWRITES)
