"""The moment of a run's first start, the same whenever it is resumed."""

import json
from pathlib import Path

from rewriter_agent.runtime.first_start import FILE, first_start

RECORDED = {"started_at": "2026-01-31T23:59:58+01:00"}


def test_the_first_start_is_recorded_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    started = first_start(folder)
    assert json.loads((folder / FILE).read_text()) == {"started_at": started.isoformat()}
    (folder / FILE).write_text(json.dumps(RECORDED))
    assert first_start(folder).isoformat() == RECORDED["started_at"]


def test_the_runs_of_a_study_share_its_start(tmp_path: Path) -> None:
    study = first_start(tmp_path / "runs" / "study")
    for run in ("base", "seed-0", "seed-1/rl"):
        folder = tmp_path / "runs" / "study" / run
        assert first_start(folder) == study
        assert not (folder / FILE).exists()
    assert (tmp_path / "runs" / "study" / FILE).exists()


def test_runs_beside_one_another_have_starts_of_their_own(tmp_path: Path) -> None:
    first_start(tmp_path / "one")
    (tmp_path / "one" / FILE).write_text(json.dumps(RECORDED))
    assert first_start(tmp_path / "other").isoformat() != RECORDED["started_at"]
