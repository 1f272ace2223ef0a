"""`check`: exit status 0 if the limits are shown to be kept, 1 if not, 2 if the report cannot tell."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rewriter_agent.cli import main
from rewriter_agent.io.files import write_json
from tests.helpers.run_folder import make_run

LATER = "2026-03-01T10:20:32+00:00"


Check = Callable[..., tuple[int, str]]
Ends = tuple[float, float, float]
"""A change, and the ends of its interval."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(make_run(tmp_path_factory.mktemp("runs") / "lab"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(finished, tmp_path / "lab")


@pytest.fixture
def status_and_line(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Exit status and the one line that `check` prints."""

    def check(*arguments: object) -> tuple[int, str]:
        status = main(["check", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert (out + err).count("\n") == 1
        return status, out + err

    return check


def finish(run: Path) -> Path:
    """Add a report to a run made by `make_run`."""
    manifest = {"inputs": {"evaluate-base": "0"}, "finished_at": "2026-03-01T10:20:31+00:00"}
    write_json(run / "report" / "manifest.json", manifest)
    report_of(run / "report" / "report.json", gain=(0.05, 0.02, 0.08))
    return run


def report_of(path: Path, **changes: Ends) -> Path:
    """Write a report of one run, whose fine-tuned models have these changes."""
    arms = [{"arm": arm, "against_base": ends(changes)} for arm in ("base", "expert", "rewritten")]
    write_json(path, {"arms": arms, "seeds": {"seed": 0, "evaluate.seed": 7}})
    return path


def ends(changes: dict[str, Ends]) -> dict[str, dict[str, float]]:
    return {
        name: dict(zip(("value", "low", "high"), values, strict=True)) for name, values in changes.items()
    }


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


@pytest.mark.parametrize(
    ("gain", "limit", "words"),
    [
        ((0.05, 0.02, 0.08), 2, ("pass", "met")),
        ((0.30, 0.29, 0.31), 29, ("pass", "met")),
        ((0.05, 0.019, 0.08), 2, ("fail", "not shown")),
        ((0.05, -0.01, 0.11), 0, ("fail", "not shown")),
        ((0.01, -0.03, 0.019), 2, ("fail", "missed")),
        ((0.0, 0.0, 0.0), 0, ("pass", "met")),
        ((float("nan"),) * 3, 0, ("fail", "missed")),
    ],
)
def test_a_gain_is_shown_by_the_lower_end(
    status_and_line: Check, tmp_path: Path, gain: Ends, limit: float, words: tuple[str, str]
) -> None:
    report = report_of(tmp_path / "report.json", gain=gain)
    status, line = status_and_line(report, "--min-gain", limit)
    assert (status == 0) == (words[0] == "pass")
    assert line.startswith(f"{words[0]}: rewritten, gain ")
    assert f": {words[1]} (" in line


@pytest.mark.parametrize(
    ("forgetting", "word"),
    [
        ((0.0, -0.01, 0.01), "met"),
        ((-0.04, -0.05, -0.03), "met"),
        ((0.0, -0.011, 0.011), "not shown"),
        ((0.02, 0.01, 0.03), "not shown"),
        ((0.02, 0.011, 0.03), "missed"),
    ],
)
def test_forgetting_is_shown_by_the_upper_end(
    status_and_line: Check, tmp_path: Path, forgetting: Ends, word: str
) -> None:
    report = report_of(tmp_path / "report.json", gain=(0.1, 0.1, 0.1), forgetting=forgetting)
    status, line = status_and_line(report, "--max-forgetting", 1)
    assert status == (word != "met")
    assert f": {word} (" in line


def test_both_limits_have_to_be_met(status_and_line: Check, tmp_path: Path) -> None:
    report = report_of(tmp_path / "report.json", gain=(0.05, 0.03, 0.07), forgetting=(0.005, -0.01, 0.02))
    assert status_and_line(report, "--min-gain", 3, "--max-forgetting", 2)[0] == 0
    status, line = status_and_line(report, "--min-gain", 3, "--max-forgetting", 1)
    assert status == 1
    assert line == (
        "fail: rewritten, gain +5.00 [+3.00, +7.00], at least 3: met; "
        "forgetting +0.50 [-1.00, +2.00], at most 1: not shown (points, 95 % intervals over items)\n"
    )
    assert status_and_line(report, "--min-gain", 5, "--max-forgetting", 1, "--point-estimates")[0] == 0
    assert status_and_line(report, "--min-gain", 5.1, "--point-estimates")[0] == 1


def test_a_run_and_its_report_decide_alike(status_and_line: Check, finished: Path) -> None:
    for limit, status in ((2, 0), (2.1, 1)):
        decided = status_and_line(finished, "--min-gain", limit, "--arm", "expert")
        assert decided[0] == status
        report = finished / "report" / "report.json"
        assert status_and_line(report, "--min-gain", limit, "--arm", "expert") == decided


def test_several_seeds_decide_by_the_interval_over_seeds(status_and_line: Check, tmp_path: Path) -> None:
    for seed in (0, 3):
        finish(make_run(tmp_path / f"seed-{seed}"))
    arms = [{"arm": "rewritten", "metrics": {"task": {}} | ends({"gain": (0.04, 0.03, 0.05)})}]
    write_json(tmp_path / "over-seeds" / "report.json", {"arms": arms, "seeds": [0, 3]})
    status, line = status_and_line(tmp_path, "--min-gain", 3)
    assert (status, "gain +4.00 [+3.00, +5.00]" in line, "over 2 seeds" in line) == (0, True, True)
    assert status_and_line(tmp_path / "seed-3", "--min-gain", 3)[0] == 1
    (tmp_path / "seed-3" / "report" / "manifest.json").unlink()
    status, line = status_and_line(tmp_path, "--min-gain", 3)
    assert (status, "seed-3 is not finished" in line) == (2, True)


def test_an_unfinished_run(status_and_line: Check, run: Path, tmp_path: Path) -> None:
    (run / "evaluate-rewritten" / "manifest.json").unlink()
    status, line = status_and_line(run, "--min-gain", 1)
    assert status == 2
    assert line.startswith("error: stage 'evaluate-rewritten' of ")
    (run / "report" / "manifest.json").unlink()
    status, line = status_and_line(run, "--min-gain", 1)
    assert status == 2
    assert line.startswith(f"error: check: the run in {run} is not finished (no report/manifest.json)")
    status, line = status_and_line(tmp_path / "none", "--min-gain", 1)
    assert status == 2
    assert "there is no file" in line


@pytest.mark.parametrize("stage", ["prepare", "rewrite", "evaluate-base"])
def test_a_stage_that_was_run_again_after_the_report(status_and_line: Check, run: Path, stage: str) -> None:
    edit(run / stage / "manifest.json", lambda tree: tree.update(finished_at=LATER))
    status, line = status_and_line(run, "--min-gain", 1)
    assert status == 2
    assert f"is older than its stages {stage}; delete " in line


@pytest.mark.parametrize("arm", ["base", "sft", ""])
def test_an_unknown_model(status_and_line: Check, finished: Path, arm: str) -> None:
    status, line = status_and_line(finished, "--min-gain", 1, "--arm", arm)
    assert status == 2
    assert line.startswith(f"error: --arm {arm}: ")
    assert line.endswith("it has expert, rewritten\n")


@pytest.mark.parametrize("forgetting", [None, {"value": float("nan"), "low": 0, "high": 0}, "missing"])
def test_a_run_without_retention(status_and_line: Check, tmp_path: Path, forgetting: object) -> None:
    report = report_of(tmp_path / "report.json", gain=(0.1, 0.1, 0.1))
    if forgetting != "missing":
        edit(report, lambda tree: tree["arms"][-1]["against_base"].update(forgetting=forgetting))
    status, line = status_and_line(report, "--max-forgetting", 1)
    assert status == 2
    assert "has no retention" in line
    assert status_and_line(report, "--min-gain", 1)[0] == 0


@pytest.mark.parametrize("limit", ["-1", "-0.001", "101", "nan", "inf", "-inf"])
@pytest.mark.parametrize("option", ["--min-gain", "--max-forgetting"])
def test_a_limit_that_is_none(status_and_line: Check, finished: Path, option: str, limit: str) -> None:
    status, line = status_and_line(finished, f"{option}={limit}")
    assert status == 2
    assert line == f"error: {option} {float(limit):g} is not a limit; give points from 0 to 100\n"


def test_no_limit(status_and_line: Check, finished: Path) -> None:
    status, line = status_and_line(finished)
    assert (status, "--min-gain, --max-forgetting or both" in line) == (2, True)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"arms": [{"arm": "rewritten"}]}', '{"arms": 3}'])
def test_a_file_that_is_no_report(status_and_line: Check, tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    status, line = status_and_line(path, "--min-gain", 1)
    assert status == 2
    assert line.startswith("error: check: ")
