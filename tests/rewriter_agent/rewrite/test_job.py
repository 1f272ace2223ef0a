"""The rewriting job: killed at random moments it writes the same file as undisturbed."""

import random
import shutil
from multiprocessing import get_context
from pathlib import Path

import pytest
from pyarrow.parquet import read_table

from rewriter_agent.config import RunConfig
from rewriter_agent.io.files import read_jsonl, write_json
from rewriter_agent.report.rewriting import rewriting, samples
from rewriter_agent.rewrite.dataset import write_dataset
from rewriter_agent.rewrite.tally import Tally
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder
from rewriter_agent.tracking.tables import rewrites
from tests.helpers import rewriting_job

PROBLEMS, KILLS = 600, 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    rewriting_job.write_problems(folder / "train.parquet", PROBLEMS)
    return rewriting_job.run(folder, 0.0)


def test_every_problem_has_its_rows_in_order(undisturbed: Path) -> None:
    rows = read_table(undisturbed, columns=["problem_id", "target", "outcome"]).to_pylist()
    costs = read_table(undisturbed.with_name("costs.parquet")).to_pylist()
    candidates = read_table(undisturbed.with_name("candidates.parquet")).to_pylist()
    firsts = [row["problem_id"] for row in rows if row["target"] == 0]
    assert firsts == [f"{i:04}" for i in range(PROBLEMS)]
    assert [row["problem_id"] for row in rows] == sorted(row["problem_id"] for row in rows)
    outcomes = {row["outcome"] for row in rows}
    assert outcomes == {"self_correct", "rewritten", "expert_fallback"}
    assert [cost["problem_id"] for cost in costs] == firsts
    assert {cost["rollouts"] for cost in costs} == {2, 4}
    numbered = [(cost["problem_id"], number) for cost in costs for number in range(cost["rollouts"])]
    assert [(row["problem_id"], row["number"]) for row in candidates] == numbered
    assert max(row["target"] for row in rows) == 1


def test_metrics_end_with_the_whole(undisturbed: Path) -> None:
    lines = read_jsonl(undisturbed.parent / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(5, PROBLEMS + 1, 5))
    tally = Tally.of(StageFolder(undisturbed.parent))
    last, counts = lines[-1], tally.counts()
    assert last["outcome/self_correct"] == counts["self_correct"] / PROBLEMS
    assert last["gate/accepted"] == counts["accepted_candidates"] / counts["rollouts"]
    assert last["gate/wrong_answer"] == counts["rejected/wrong_answer"] / counts["rollouts"]
    assert last["generated_tokens"] == counts["generated_tokens"]


def test_every_reader_reads_the_tables(undisturbed: Path, tmp_path: Path) -> None:
    folder = StageFolder(undisturbed.parent)
    config = RunConfig.model_validate({"name": "r", "model": {}, "data": {"source": "lab"}})
    targets = read_table(undisturbed).to_pylist()
    assert write_dataset(tmp_path, folder, config) == {"rows": len(targets)}
    shown = rewrites(folder, 50)
    scores = {
        (row["problem_id"], row["number"]): row["total"] for row in read_table(folder.candidates).to_pylist()
    }
    assert [row["total"] for row in shown] == [
        scores.get((row["problem_id"], row["selected"])) for row in targets[:50]
    ]
    assert {row["candidates"] for row in shown} == {2, 4}
    run = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, run.rewrite.path, ignore=shutil.ignore_patterns("shards"))
    shutil.copytree(folder.path, run.prepare.path, ignore=shutil.ignore_patterns("shards"))
    write_json(run.rewrite.manifest, {"counts": {}})
    summary = rewriting(run, targets)
    assert (summary.problems, summary.candidates) == (PROBLEMS, len(scores))
    assert all(len(sample.scores) in (2, 4) for sample in samples(run, targets, None))


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
    for name in ("metrics.jsonl", "candidates.parquet", "costs.parquet", "rewrites.parquet"):
        assert (tmp_path / name).read_bytes() == undisturbed.with_name(name).read_bytes(), name
