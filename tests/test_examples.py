"""The examples run as their page says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_dataset

from cluster.config import ClusterConfig
from cluster.head import local_head
from tests.helpers.fake_service import fake_app
from tests.helpers.served_app import served
from tests.helpers.shared_engine_checks import (
    assert_only_the_last_adapter_is_left,
    assert_rewrites_are_scored_by_the_backbone,
    assert_samples_are_the_learners,
)

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
ENV = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}


def run(*command: object, env: dict[str, str] = ENV) -> str:
    """Output of a command that is run in the repository's root and must succeed."""
    arguments = [str(argument) for argument in command]
    done = subprocess.run(
        arguments, cwd=ROOT, env=env, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_page_names_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for example in EXAMPLES.iterdir():
        if example.name not in ("README.md", "__pycache__"):
            assert f"[{example.name}]" in page


def test_own_verifier() -> None:
    totals = [line.split()[:2] for line in run(sys.executable, EXAMPLES / "own_verifier.py").splitlines()]
    assert [state for _, state in totals] == ["passes", "passes", "wrong_answer"]
    assert float(totals[0][0]) > 1 > float(totals[2][0])


def test_the_notebook_talks_to_a_service(tmp_path: Path) -> None:
    notebook = json.loads((EXAMPLES / "service.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    (tmp_path / "cells.py").write_text("\n".join(cells), encoding="utf-8")
    with served(fake_app()) as address:
        output = run(sys.executable, tmp_path / "cells.py", env={**ENV, "REWRITER_AGENT_URL": address})
    assert "nats a token" in output
    assert "['backbone']" in output
    assert all(f"\n{number} " in output for number in range(4))


@pytest.mark.slow
@pytest.mark.long
def test_reward_in_trl(tmp_path: Path) -> None:
    output = run(sys.executable, EXAMPLES / "reward_in_trl.py", "--steps", 1, "--output-dir", tmp_path)
    assert "step 1: reward" in output


@pytest.mark.slow
@pytest.mark.long
def test_rewriting_only(tmp_path: Path) -> None:
    config = EXAMPLES / "rewriting_only" / "config.yaml"
    run(
        "rewriter-agent",
        "rewrite",
        config,
        "--set",
        f"output_dir={tmp_path}",
        "--set",
        "tracking.report_to=none",
    )
    data = load_dataset("parquet", data_dir=str(tmp_path / "rewriting-only" / "dataset"), split="train")
    assert len(data) == 24
    assert {"prompt", "completion"} <= set(data.column_names)


@pytest.mark.slow
@pytest.mark.long
def test_own_data_on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config of `own_data`, by the script of `cluster`, from rows to the report, with one engine for everything."""
    # A job runs the head's `python`.
    monkeypatch.setenv("PATH", ENV["PATH"])
    shared = ("--set", "cluster.scorers=0", "--set", "cluster.enable_lora=true")
    with local_head(ClusterConfig(port=0, dashboard_port=0)) as head:
        env = {**ENV, **head.env, "PATH": ENV["PATH"], "OUTPUT_DIR": str(tmp_path)}
        env["RAY_API_SERVER_ADDRESS"] = head.address
        run(EXAMPLES / "cluster" / "submit.sh", "--set", "tracking.report_to=none", *shared, env=env)
    folder = tmp_path / "cluster-example"
    assert (folder / "report" / "report.html").exists()
    assert_samples_are_the_learners(folder, steps=2)
    assert_only_the_last_adapter_is_left(folder)
    assert_rewrites_are_scored_by_the_backbone(folder)
