"""Status lines."""

import json
import time
from pathlib import Path

import pytest

from rewriter_agent.progress import Progress, clock


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch) -> Progress:
    """A stage that began 60 s ago."""
    started = Progress("rewrite")
    monkeypatch.setattr(Progress, "elapsed", 60.0)
    return started


def append(path: Path, **row: object) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (59.9, "00:59"), (61, "01:01"), (7322, "122:02")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_line_names_stage_and_time(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    progress("starts")
    assert capsys.readouterr().out == "[rewrite 01:00] starts\n"


def test_time_left_counts_only_what_this_process_did(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.share(30, 40, 0, "problems")
    progress.share(30, 40, 20, "problems")
    fresh, resumed = capsys.readouterr().out.splitlines()
    # 2 s a problem, against 6 s where 20 of the 30 were there before.
    assert fresh == "[rewrite 01:00] 30/40 problems | about 00:20 left"
    assert resumed == "[rewrite 01:00] 30/40 problems | about 01:00 left"


def test_follow_shows_new_rows_only_and_the_last_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    append(metrics, step=1, max_steps=3, reward=0.5)
    with Progress("train").follow(metrics, {"reward": "reward", "length": "length"}):
        # The rows that were there are counted when the block begins.
        time.sleep(0.2)
        append(metrics, step=2, max_steps=3, reward=0.25, length=7.0)
        append(metrics, step=3, max_steps=3, reward=1.0, length=None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "2/3 reward 0.25  length 7 |" in lines[0]
    assert "3/3 reward 1 |" in lines[1]


def test_follow_waits_for_a_file_that_is_not_there_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    with Progress("train").follow(metrics, {"reward": "reward"}):
        time.sleep(0.2)
        append(metrics, step=1, max_steps=1, reward=0.5)
    assert "1/1 reward 0.5" in capsys.readouterr().out
