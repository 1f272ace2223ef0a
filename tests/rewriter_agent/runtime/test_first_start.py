"""The moment of a run's first start, the same whenever it is resumed."""

import json
from pathlib import Path

from rewriter_agent.runtime.first_start import first_start
from rewriter_agent.runtime.run_folder import RunFolder

RECORDED = {"started_at": "2026-01-31T23:59:58+01:00"}


def test_the_first_start_is_recorded_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    started = first_start(folder)
    assert json.loads(RunFolder(folder).first_start.read_text()) == {"started_at": started.isoformat()}
    RunFolder(folder).first_start.write_text(json.dumps(RECORDED))
    assert first_start(folder).isoformat() == RECORDED["started_at"]


def test_the_runs_of_a_study_share_its_start(tmp_path: Path) -> None:
    study = first_start(tmp_path / "runs" / "study")
    for run in ("base", "seed-0", "seed-1/rl"):
        folder = tmp_path / "runs" / "study" / run
        assert first_start(folder) == study
        assert not RunFolder(folder).first_start.exists()
    assert RunFolder(tmp_path / "runs" / "study").first_start.exists()


def test_runs_beside_one_another_have_starts_of_their_own(tmp_path: Path) -> None:
    first_start(tmp_path / "one")
    RunFolder(tmp_path / "one").first_start.write_text(json.dumps(RECORDED))
    assert first_start(tmp_path / "other").isoformat() != RECORDED["started_at"]
