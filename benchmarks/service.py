"""The service against the rewriting job on the same engines: `python -m benchmarks.service`.

The job first rewrites the problems of a run. Then the service, started on the same run, gets the same rows, 64 at a
time, over HTTP. Both rates are tokens that the engines wrote per second of work. Last, single rows one after the other:
the seconds of a request over HTTP, and of the work for the row alone, which the answer tells.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any

import pyarrow.parquet as pq

from cluster.session import connect
from rewriter_agent.client import Rewriter
from rewriter_agent.commands.serve import deployed, free_port
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.pipeline import COMMANDS, run_stages
from rewriter_agent.serve.engines import service_config
from rewriter_agent.serve.schema import Rewrite

from .options import config_options

AT_ONCE, ALONE = 64, 50


def main() -> None:
    """Print the rates, their ratio, and the overhead of a single row."""
    options = config_options(__doc__, "configs/lab.yaml")
    with tempfile.TemporaryDirectory() as folder:
        ours = ["rewrite.strategy=best_of_n", f"output_dir={folder}", "tracking.report_to=none"]
        config = load_config(options.config, [*options.set, *ours])
        run_stages(config, COMMANDS["rewrite"])
        job = job_rate(config)
        rows = list(rows_of(config))
        served = service_config(config.folder)
        port = free_port("127.0.0.1", 0)
        address = f"http://127.0.0.1:{port}"
        with connect(served.cluster), deployed(served, "127.0.0.1", port), Rewriter(address) as client:
            client.rewrite(**rows[0])
            rate = service_rate(client, rows)
            overheads = [overhead(client, row) for row in rows[:ALONE]]
    print(f"job      {job:8.0f} tokens/s")
    print(f"service  {rate:8.0f} tokens/s, {AT_ONCE} rows at once; {rate / job:.2f} of the job")
    cuts = quantiles(overheads, n=100)
    print(f"overhead of a single row: p50 {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms")


def job_rate(config: RunConfig) -> float:
    """Tokens per second of the stage `rewrite`."""
    manifest = json.loads((config.folder / "rewrite" / "manifest.json").read_text())
    return manifest["counts"]["generated_tokens"] / manifest["wall_seconds"]


def rows_of(config: RunConfig) -> Iterator[dict[str, Any]]:
    """The problems that the job has rewritten, as rows."""
    for row in pq.read_table(Path(config.folder) / "rewrite" / "rewrites.parquet").to_pylist():
        yield {"question": row["question"], "solution": row["expert_solution"], "answer": row["answer"]}


def service_rate(client: Rewriter, rows: list[dict[str, Any]]) -> float:
    """Tokens per second over HTTP."""
    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers: list[Rewrite] = list(pool.map(lambda row: client.rewrite(**row), rows))
    return sum(answer.cost.generated_tokens for answer in answers) / (time.monotonic() - start)


def overhead(client: Rewriter, row: dict[str, Any]) -> float:
    """Seconds of a request besides the work for its row."""
    start = time.monotonic()
    answer = client.rewrite(**row)
    return time.monotonic() - start - answer.cost.seconds


if __name__ == "__main__":
    main()
