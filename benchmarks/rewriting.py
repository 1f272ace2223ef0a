"""Overhead of the rewriting job without its engines: rows per second, and peak memory at two sizes of data set.

Engines, scores and tokenizer are fakes, which leaves reading, requests, records, shards, Parquet and the data set.
Each size runs in a process of its own, from a file that another process wrote. The output shows its peak memory and
the part of it allocated after the imports.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.types import Completion, GenerateRequest
from reward import Score, StepCheck, StepReport
from rewriter_agent.config import make_config
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.rewrite.dataset import write_dataset
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.scoring.group_scorer import AnchoredProblem, Sample, ScoredGroup

TOKENS, CANDIDATES, ROWS_A_GROUP = 60, 2, 1000
WORDS = "a solution of about sixty words that stands for what an engine would write " * 4
CONFIG = make_config(
    {
        "name": "bench",
        "model": {},
        "data": {"source": "lab"},
        "rewrite": {"strategy": "best_of_n", "num_generations": CANDIDATES, "shard_size": 500},
    }
)
IDS, LOGPROBS = list(range(1, TOKENS + 1)), [-0.5] * TOKENS
SCORE = Score(True, None, 0.5, 0.5, 1.4, -0.5, 0.1, None, 0.0, 0.0, "5")
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """One job."""

    rows: int
    seconds: float
    peak_mb: float
    added_mb: float
    """Part of the peak allocated after the imports."""


def main() -> None:
    """Print both sizes and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=(10_000, 1_000_000))
    small, large = (measure(rows) for rows in parser.parse_args().rows)
    print(f"{'rows':>10}{'rows/s':>10}{'peak MB':>10}{'added MB':>10}")
    for cost in (small, large):
        print(
            f"{cost.rows:>10,}{cost.rows / cost.seconds:>10,.0f}{cost.peak_mb:>10.0f}{cost.added_mb:>10.0f}"
        )
    print(f"peak memory, large to small: {large.peak_mb / small.peak_mb:.2f}")


def measure(rows: int) -> Cost:
    """The job on `rows` problems."""
    with tempfile.TemporaryDirectory() as name:
        _alone(_write_problems, Path(name) / "train.parquet", rows)
        return _alone(_job, Path(name), rows)


def _alone(work: Callable[..., T], *arguments: object) -> T:
    """Run one size in a fresh process and return its result."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _job(folder: Path, rows: int) -> Cost:
    before = peak_mb()
    start = time.monotonic()
    with (folder / "log").open("w") as log:
        origin = Provenance(CONFIG.rewrite, None, 0)
        rewrite_file(
            folder / "train.parquet", folder, _rewriter(), origin, _no_steps, Progress("rewrite", log)
        )
    write_dataset(folder / "dataset", StageFolder(folder), CONFIG)
    return Cost(rows, time.monotonic() - start, peak_mb(), peak_mb() - before)


def _no_steps(checks: Sequence[StepCheck]) -> list[StepReport | None]:
    """Report no claims: the job's own cost is measured."""
    return [StepReport(0, (), ())] * len(checks)


def peak_mb() -> float:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class FakeTokens:
    """Texts of a fixed length."""

    def text(self, _: Sequence[int]) -> str:
        return WORDS

    def finished(self, _: Sequence[int]) -> bool:
        return True

    def has_control_tokens(self, _: Sequence[int]) -> bool:
        return False


class FakeFleet:
    """Answers at once."""

    engines = (None,)
    spec = SimpleNamespace(max_model_len=1000)

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        return [Completion(IDS, LOGPROBS, True, 0) for _ in requests]


class FakeScorer:
    """Accepts everything."""

    config, backbone = CONFIG.reward, FakeFleet()

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        return [ScoredGroup(group, [SCORE] * len(group), [LOGPROBS] * len(group), []) for _, group in groups]


def _rewriter() -> Rewriter:
    fakes: tuple[Any, Any, Any] = FakeTokens(), FakeFleet(), FakeScorer()
    return Rewriter(CONFIG.rewrite, 0, fakes[0], {"backbone": fakes[1]}, fakes[2])


def _write_problems(path: Path, rows: int) -> None:
    common = {"solution": WORDS, "answer": "5", "convention": "####", "source": "made up"}
    anchors = {
        "prompt_ids": IDS,
        "rewriting_prompt_ids": IDS * 2,
        "expert_ids": IDS,
        "expert_logprobs": [-2.0] * TOKENS,
        "expert": -2.0,
        "own": -0.5,
        "own_ids": [7, 0],
        "own_logprobs": [-0.5, -0.5],
    }
    with pq.ParquetWriter(path, PREPARED) as writer:
        for start in range(0, rows, ROWS_A_GROUP):
            group = [
                {"id": f"{i:016x}", "question": f"{WORDS}{i}", **common, **anchors}
                for i in range(start, min(start + ROWS_A_GROUP, rows))
            ]
            writer.write_table(pa.Table.from_pylist(group, schema=PREPARED))


if __name__ == "__main__":
    main()
