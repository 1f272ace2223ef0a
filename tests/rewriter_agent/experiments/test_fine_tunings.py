"""Fine-tunings of an experiment: only missing ones are trained, and a measured model is deleted."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import rewriter_agent.experiments.fine_tunings
from rewriter_agent.evaluate.result import ModelResult, PartResult
from rewriter_agent.experiments.fine_tunings import measure, train_missing
from rewriter_agent.experiments.measurements import EVALUATION
from rewriter_agent.io.files import write_json
from rewriter_agent.io.progress import Progress


class Session(SimpleNamespace):
    """The part of a session that training needs."""

    weights_gb = 0.0

    def __init__(self) -> None:
        super().__init__(calls=[])

    def release_engines(self) -> None:
        self.calls.append("release")

    def wait_for_capacity(self, role: str) -> None:
        self.calls.append(f"wait for {role}")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders of the jobs that were run."""
    found: list[Path] = []

    def run_jobs(jobs: list[Any], at_a_time: int, progress: Progress) -> dict[str, str]:
        found.extend(job.model_dir.parent for job in jobs)
        return {str(jobs[0].model_dir.parent): "out of memory"}

    monkeypatch.setattr(rewriter_agent.experiments.fine_tunings, "run_jobs", run_jobs)
    return found


def jobs(folder: Path, *names: str) -> list[Any]:
    return [SimpleNamespace(model_dir=folder / name / "model") for name in names]


def test_only_jobs_without_a_model_are_trained(tmp_path: Path, trained: list[Path]) -> None:
    (tmp_path / "done" / "model").mkdir(parents=True)
    session = Session()
    todo = jobs(tmp_path, "done", "new", "other")
    failed = train_missing(cast(Any, session), todo, 2, tmp_path, Progress("sweep"))
    assert trained == [tmp_path / "new", tmp_path / "other"]
    assert failed == {str(tmp_path / "new"): "out of memory"}
    assert session.calls == ["release", "wait for sft"]


def test_engines_keep_running_if_every_model_is_there(tmp_path: Path, trained: list[Path]) -> None:
    (tmp_path / "done" / "model").mkdir(parents=True)
    session = Session()
    assert train_missing(cast(Any, session), jobs(tmp_path, "done"), 2, tmp_path, Progress("sweep")) == {}
    assert (trained, session.calls) == ([], [])


def test_a_measured_model_is_not_evaluated_again_but_deleted(tmp_path: Path) -> None:
    part = PartResult("task", "acc", {"strict": {"0": 1.0}}, 0.0, {"finished": 1.0}, [])
    result = ModelResult(part, [])
    write_json(tmp_path / EVALUATION / "result.json", json.loads(json.dumps(result, default=vars)))
    model = tmp_path / "model"
    model.mkdir()
    # A second evaluation would need more of the session than this one has.
    assert measure(cast(Any, Session()), tmp_path, model, Progress("sweep")) == result
    assert not model.exists()
