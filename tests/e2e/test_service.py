"""The service as a process with real engines: the batch job's targets, and a clean end."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.pipeline import COMMANDS, run_stages
from rewriter_agent.runtime.fingerprints import model_identity
from rewriter_agent.train.rewriter import RewriterCard, write_card
from tests.helpers.killed_run import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROBLEMS, STEPS = 12, 7
SECONDS = 300


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A run whose batch job is done. Its rewriter is the backbone itself, to avoid training."""
    folder = tmp_path_factory.mktemp("service")
    rewriter = folder / "rewriter"
    shutil.copytree(LAB_FOLDER, rewriter / "model")
    write_card(rewriter, RewriterCard("lab", model_identity(str(LAB_FOLDER)), STEPS))
    settings = [
        f"data={{source: lab, num_train: {PROBLEMS}, num_test: 2, steps: [1, 2]}}",
        f"rewrite={{rewriter: {rewriter}, num_generations: 4, max_completion_length: 112}}",
    ]
    config = load_config(write_config(folder), settings)
    run_stages(config, COMMANDS["rewrite"])
    return config


@contextmanager
def served(run: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Address and process of a service."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "rewriter_agent", "serve", str(run), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        told = next((line for line in process.stdout if "at http" in line), "")
        found = re.search(r"http://\S+", told)
        assert found, log.read_text()
        yield found[0], process
    finally:
        process.kill()
        process.wait()


def test_rows_have_the_targets_of_the_batch_job(rewritten: RunConfig, tmp_path: Path) -> None:
    targets = {
        row["problem_id"]: row
        for row in pq.read_table(rewritten.folder / "rewrite" / "rewrites.parquet").to_pylist()
    }
    keys = ("question", "expert_solution", "answer")
    rows: list[dict[str, Any]] = [
        dict(zip(("question", "solution", "answer"), (row[key] for key in keys), strict=True))
        for row in targets.values()
    ]
    with served(rewritten.folder, tmp_path / "log") as (address, process):
        client = httpx2.Client(base_url=address, timeout=SECONDS)
        assert client.get("/ready").status_code == 200
        text = client.post("/v1/rewrites", json={"rows": rows}).text
        answers = [json.loads(line)["rewrite"] for line in text.splitlines()]
        check_targets(answers, targets)
        check_gap(client, rows[0], rewritten.folder)
        with ThreadPoolExecutor(1) as pool:
            last = pool.submit(client.post, "/v1/rewrites", json=rows[0])
            while "rows_in_progress 1.0" not in httpx2.get(f"{address}/metrics").text:
                assert not last.done()
            process.send_signal(signal.SIGTERM)
            # What it has taken it still answers.
            assert last.result().json()["id"] in targets
        assert process.wait(SECONDS) == 0
    assert rows[0]["question"] not in (tmp_path / "log").read_text()


def check_targets(answers: list[dict[str, Any]], targets: dict[str, dict[str, Any]]) -> None:
    """Check that each row has its target; those of other batches may differ in the last bits of a log-prob."""
    assert {answer["id"] for answer in answers} == targets.keys()
    same = [answer["target"] == targets[answer["id"]]["target_text"] for answer in answers]
    assert sum(same) >= PROBLEMS - 1
    assert {answer["versions"]["rewriter_steps"] for answer in answers} == {STEPS}
    assert any(answer["outcome"] == "rewritten" for answer in answers)


def check_gap(client: httpx2.Client, row: dict[str, Any], folder: Path) -> None:
    """Check the log-probs of an expert solution against those of `prepare`."""
    gap = client.post("/v1/gap", json=row).json()
    [prepared] = [
        one
        for one in pq.read_table(folder / "prepare" / "train.parquet").to_pylist()
        if one["question"] == row["question"]
    ]
    assert [token["logprob"] for token in gap["tokens"]] == pytest.approx(
        prepared["expert_logprobs"], abs=1e-3
    )
    assert "".join(token["text"] for token in gap["tokens"]) == row["solution"]
