"""W&B, offline."""

from pathlib import Path

import pytest

from rewriter_agent.config import RunConfig
from rewriter_agent.tracking import wandb_log


@pytest.mark.parametrize("report_to", ["none", "wandb"])
def test_a_stages_metrics_reach_wandb_where_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_to: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    config = RunConfig.model_validate(
        {"name": "r", "model": {}, "data": {"source": "lab"}, "tracking": {"report_to": report_to}}
    )
    folder = tmp_path / "rewrite"
    folder.mkdir()
    for step in (5, 10):  # The second goes on with the first's run.
        with wandb_log(config, folder) as log:
            log({"step": step, "gate/accepted": 0.25})
    files = list(folder.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == (2 if report_to == "wandb" else 0)
    assert len({path.name for path in files}) == (1 if report_to == "wandb" else 0)
    assert all(b"gate/accepted" in path.read_bytes() for path in files)
