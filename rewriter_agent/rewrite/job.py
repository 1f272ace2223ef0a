"""The rewriting job: prepared problems in, targets out, a shard of them in memory at a time."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rewriter_agent.io.files import Shard, batches, join_shards, run_shards
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import Prepared, prepared
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.scoring.group_scorer import AnchoredProblem

from .record import REWRITES, ExpertTokens, Provenance, records
from .rounds import Attempt
from .tally import Tally

Attempts = Callable[[Sequence[AnchoredProblem]], list[Attempt]]
"""What a strategy does for a shard; follows from the shard and the run's seed alone."""
Log = Callable[[int, dict[str, float]], None]
"""Takes the number of problems done, and the metrics of all of them."""


def rewrite_file(
    source: Path,
    folder: Path,
    attempts: Attempts,
    origin: Provenance,
    progress: Progress,
    side_by_side: int = 1,
    log: Log | None = None,
) -> Tally:
    """Write `folder/rewrites.parquet` from the problems in `source`, in their order, and `folder/metrics.jsonl`.

    `side_by_side` shards are worked on at a time; `log` has the metrics after each, too. Killed, the job
    resumes with the missing shards, and both files are the same byte for byte if `attempts` does the same for
    the same shard.
    """
    total = pq.read_metadata(source).num_rows
    tally = Tally()

    def work(shard: Sequence[Prepared]) -> list[dict[str, Any]]:
        tried = attempts([row.problem for row in shard])
        return [
            record
            for row, attempt in zip(shard, tried, strict=True)
            for record in records(attempt, ExpertTokens(row.expert_ids, row.expert_logprobs), origin)
        ]

    def after(shard: Shard) -> None:
        tally.add_file(shard.path)
        metrics = tally.metrics()
        lines.write(json.dumps({"step": shard.done, "max_steps": total, **metrics}) + "\n")
        lines.flush()
        if shard.new:
            progress.share(shard.done, total, f"problems | {tally.line()}")
        # Existing shards too: their last log lines may have been lost with the process.
        if log:
            log(shard.done, metrics)

    shards = batches(prepared(source), origin.config.shard_size)
    folder.mkdir(parents=True, exist_ok=True)
    # Rewritten from the start: the existing shards are its history.
    with StageFolder(folder).metrics.open("w") as lines:
        parts = run_shards(shards, folder / "shards", REWRITES, work, after, side_by_side)
    join_shards(parts, StageFolder(folder).rewrites, REWRITES)
    return tally
