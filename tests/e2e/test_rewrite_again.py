"""A resumed rewriting job with real engines writes the same bytes as an undisturbed one."""

import shutil
from pathlib import Path

import pytest

from rewriter_agent.config import load_config
from rewriter_agent.pipeline import COMMANDS, run_stages
from tests.helpers.killed_run import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long]

SETTINGS = [
    "data={source: lab, num_train: 16, num_test: 2, steps: [1, 3]}",
    "rewrite={strategy: mind_the_gap, num_generations: 4, max_completion_length: 160, shard_size: 4}",
]


def test_engines_that_have_started_anew_write_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(write_config(tmp_path), SETTINGS)
    run_stages(config, COMMANDS["rewrite"])
    folder = config.folder / "rewrite"
    tables = [folder / f"{name}.parquet" for name in ("rewrites", "candidates", "costs")]
    before = [path.read_bytes() for path in tables]
    # As a job leaves its folder that was killed in its second shard.
    for path in (folder / "manifest.json", *tables):
        path.unlink()
    for shard in folder.glob("shards/part-0000[1-3]"):
        shutil.rmtree(shard)
    capsys.readouterr()
    run_stages(config, COMMANDS["rewrite"])
    output = capsys.readouterr().out
    assert "8/16 problems" in output
    assert "4/16 problems" not in output
    assert [path.read_bytes() for path in tables] == before
