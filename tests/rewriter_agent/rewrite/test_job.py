"""The rewriting job: killed at random moments it writes the same file as undisturbed."""

import random
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rewriter_agent.io.files import read_jsonl
from rewriter_agent.rewrite.tally import Tally
from tests.helpers import rewriting_job

PROBLEMS, KILLS = 600, 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    rewriting_job.write_problems(folder / "train.parquet", PROBLEMS)
    return rewriting_job.run(folder, 0.0)


def test_every_problem_has_its_rows_in_order(undisturbed: Path) -> None:
    rows = pq.read_table(undisturbed, columns=["problem_id", "target", "outcome", "rollouts"]).to_pylist()
    firsts = [row["problem_id"] for row in rows if row["target"] == 0]
    assert firsts == [f"{i:04}" for i in range(PROBLEMS)]
    assert [row["problem_id"] for row in rows] == sorted(row["problem_id"] for row in rows)
    outcomes = {row["outcome"] for row in rows}
    assert outcomes == {"self_correct", "rewritten", "expert_fallback"}
    assert {row["rollouts"] for row in rows if row["target"] == 0} == {2, 4}
    assert max(row["target"] for row in rows) == 1


def test_metrics_end_with_the_whole(undisturbed: Path) -> None:
    lines = read_jsonl(undisturbed.parent / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(5, PROBLEMS + 1, 5))
    tally = Tally()
    tally.add_file(undisturbed)
    last, counts = lines[-1], tally.counts()
    assert last["outcome/self_correct"] == counts["self_correct"] / PROBLEMS
    assert last["gate/accepted"] == counts["accepted_candidates"] / counts["rollouts"]
    assert last["gate/wrong_answer"] == counts["rejected/wrong_answer"] / counts["rollouts"]
    assert last["generated_tokens"] == counts["generated_tokens"]


def test_killed_at_random_it_writes_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    rewriting_job.write_problems(tmp_path / "train.parquet", PROBLEMS)
    draw = random.Random(0)
    # A server that has imported everything: a new process takes no seconds to start.
    processes = get_context("forkserver")
    processes.set_forkserver_preload(["rewriting_job"])
    shards = tmp_path / "shards"
    kept: dict[Path, int] = {}
    kills = 0
    while not (tmp_path / "rewrites.parquet").exists():
        process = processes.Process(target=rewriting_job.run, args=(tmp_path, 0.05))
        process.start()
        process.join(draw.uniform(0.1, 0.4) if kills < KILLS else None)
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
        found = {path: path.stat().st_mtime_ns for path in shards.glob("part-*")}
        assert kept.items() <= found.items(), "a finished shard was done again"
        kept = found
    assert kills == KILLS
    metrics = "metrics.jsonl"
    assert (tmp_path / metrics).read_bytes() == (undisturbed.parent / metrics).read_bytes()
    assert (tmp_path / "rewrites.parquet").read_bytes() == undisturbed.read_bytes()
