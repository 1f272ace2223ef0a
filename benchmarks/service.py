"""The service against the rewriting job on the same engines: `python -m benchmarks.service`.

The same rows go in turns through the batch job, in the process that holds the engines, and over HTTP, 64 at a time. The
service does the work of the stages `prepare` and `rewrite` for each row, so both are timed. A first pass fills the
prefix cache. Last, single rows one after the other: the seconds of a request over HTTP besides the work for its row,
which the answer tells.
"""

import asyncio
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from cluster.session import connect
from rewriter_agent.client import Rewriter
from rewriter_agent.commands.serve import deployed, free_port
from rewriter_agent.data.load import load_problems
from rewriter_agent.io.files import batches, write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.value_cache import NoCache
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.prepare.stage import anchors
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.serve.deployment import RewriterReplica
from rewriter_agent.serve.engines import service_config
from rewriter_agent.serve.service import RewritingService

from .options import config_options

ROWS, TIMES = 128, 2
AT_ONCE, ALONE = 64, 100


@dataclass
class Work:
    """Tokens of the candidates, and seconds."""

    tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.tokens + other.tokens, self.seconds + other.seconds)

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


class MeasuredReplica(RewriterReplica):
    """The deployment `rewriter`, which also does the batch job on its engines."""

    async def job(self) -> tuple[Work, Work]:
        """Rewrite the run's problems as the batch job does; the work of `rewrite` alone, and with `prepare`."""
        return await asyncio.to_thread(_job, self.core.service)


def main() -> None:
    """Print the rates, their ratios, and the overhead of a single row."""
    options = config_options(__doc__, "configs/lab.yaml")
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"data.num_train={ROWS}", *options.set, f"output_dir={folder}"]
        config = service_config(options.config, "best_of_n", settings)
        rows = [_row(problem) for problem in load_problems(config.data).train]
        port = free_port("127.0.0.1", 0)
        with (
            connect(config.cluster),
            deployed(config, "127.0.0.1", port, MeasuredReplica) as handle,
            Rewriter(f"http://127.0.0.1:{port}") as client,
        ):
            _through_service(client, rows)
            rewrite, both, service = Work(), Work(), Work()
            for _ in range(TIMES):
                alone, whole = handle.job.remote().result()
                rewrite, both = rewrite + alone, both + whole
                service += _through_service(client, rows)
            overheads = [_overhead(client, row) for row in rows[:ALONE]]
    print(f"{len(rows)} rows, {TIMES} times in turns; tokens of the candidates per second")
    for name, work in (
        ("the job, stage rewrite alone", rewrite),
        ("the job, stages prepare and rewrite", both),
        (f"the service, {AT_ONCE} rows at once", service),
    ):
        print(f"{name:<36}{work.rate:>8,.0f} tokens/s   service at {service.rate / work.rate:.2f} x")
    cuts = quantiles(overheads, n=100)
    print(
        f"overhead of {len(overheads)} single rows: p50 {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms"
    )


def _row(problem: Any) -> dict[str, Any]:
    return {"question": problem.question, "solution": problem.solution, "answer": problem.answer}


def _job(service: RewritingService) -> tuple[Work, Work]:
    session = service.session
    with tempfile.TemporaryDirectory() as name:
        folder, start = Path(name), time.monotonic()
        problems = map(session.tokens.encode, load_problems(session.config.data).train)
        rows = [
            row
            for shard in batches(problems, session.config.prepare.shard_size)
            for row in anchors(shard, session.tokens, session, NoCache(), session.backbone_identity)
        ]
        write_table(folder / "train.parquet", rows, PREPARED)
        middle = time.monotonic()
        with (folder / "log").open("w") as log:
            check, progress = session.verifier.check_steps, Progress("rewrite", log)
            tally = rewrite_file(
                folder / "train.parquet", folder, service.rewriter, service.origin, check, progress
            )
        end, tokens = time.monotonic(), tally.costs["generated_tokens"]
    return Work(tokens, end - middle), Work(tokens, end - start)


def _through_service(client: Rewriter, rows: list[dict[str, Any]]) -> Work:
    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda row: client.rewrite(**row), rows))
    return Work(sum(answer.cost.generated_tokens for answer in answers), time.monotonic() - start)


def _overhead(client: Rewriter, row: dict[str, Any]) -> float:
    """Seconds of a request besides the work for its row."""
    start = time.monotonic()
    answer = client.rewrite(**row)
    return time.monotonic() - start - answer.cost.seconds


if __name__ == "__main__":
    main()
