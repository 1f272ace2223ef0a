"""Status lines."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rewriter_agent.io.progress import Progress, clock, short


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


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123456, "0.123"), (35.72, "35.7"), (999.4, "999"), (1251.7, "1,252"), (0, "0")]
)
def test_numbers(value: float, shown: str) -> None:
    assert short(value) == shown


def test_a_line_names_stage_and_time(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    progress("starts")
    assert capsys.readouterr().out == "[rewrite 01:00] starts\n"


def test_time_left_follows_the_pace_since_the_first_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("rewrite")
    for elapsed, done in ((60.0, 20), (70.0, 25)):
        monkeypatch.setattr(Progress, "elapsed", elapsed)
        progress.share(done, 40, "problems")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "[rewrite 01:00] 20/40 problems"
    # 5 problems in 10 s; what came before the first line was start-up, or another process's work.
    assert second == "[rewrite 01:10] 25/40 problems | about 00:30 left"


def test_time_left_follows_the_pace_since_what_is_counted_began(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("study")
    for begins, ends in ((60.0, 80.0), (200.0, 240.0)):
        monkeypatch.setattr(Progress, "elapsed", begins)
        progress.begin("models")
        monkeypatch.setattr(Progress, "elapsed", ends)
        progress.share(2, 6, "trained", "models")
    assert capsys.readouterr().out.splitlines() == [
        "[study 01:20] 2/6 trained | about 00:40 left",
        "[study 04:00] 2/6 trained | about 01:20 left",
    ]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    return lambda seconds: monkeypatch.setattr(time, "monotonic", lambda: seconds)


def test_time_and_pace_survive_an_interruption(
    tmp_path: Path, now: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    first = Progress("rewrite", record=tmp_path / "seconds.json")
    for seconds, done in ((50.0, 10), (70.0, 20)):
        now(seconds)
        first.share(done, 100, "problems")
    # Killed here: nothing else is written.
    now(1000.0)
    second = Progress("rewrite", record=tmp_path / "seconds.json")
    second("resuming")
    for seconds, done in ((1010.0, 30), (1050.0, 40)):
        now(seconds)
        second.share(done, 100, "problems")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "[rewrite 01:10] 20/100 problems | about 02:40 left",
        "[rewrite 01:10] resuming",
        "[rewrite 01:20] 30/100 problems | about 02:20 left",
        "[rewrite 02:00] 40/100 problems | about 04:00 left",
    ]


def test_a_pace_is_not_told_from_lines_that_come_at_once(
    now: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("train")
    for seconds, done in ((10.0, 1), (10.1, 2), (10.2, 3), (14.0, 5)):
        now(seconds)
        progress.share(done, 9, "steps")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" | ")[2] for line in lines] == ["", "", "", "about 00:04 left"]


def test_kinds_of_work_have_paces_of_their_own(
    now: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("sweep")
    progress.begin("models", 2)
    now(30.0)
    progress.share(1, 4, "parts", "parts")
    now(40.0)
    progress.share(2, 4, "parts", "parts")
    progress.share(3, 6, "models", "models")
    progress.restart("parts")
    now(100.0)
    progress.share(1, 4, "parts", "parts")
    now(105.0)
    progress.share(2, 4, "parts", "parts")
    left = [line.partition("about ")[2] for line in capsys.readouterr().out.splitlines()]
    assert left == ["", "00:20 left", "02:00 left", "00:30 left", "00:10 left"]


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
    assert "2/3 reward 0.25  length 7" in lines[0]
    assert "3/3 reward 1" in lines[1]


def test_follow_shows_steps_that_are_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = tmp_path / "metrics.jsonl"
    for step in (1, 2, 3):
        append(metrics, step=step, max_steps=4, reward=0.5)
    with Progress("train").follow(metrics, {"reward": "reward"}):
        time.sleep(0.7)
        metrics.write_text(json.dumps({"step": 1, "max_steps": 4}) + "\n")
        time.sleep(0.7)
        append(metrics, step=2, max_steps=4, reward=0.25)
    assert "2/4 reward 0.25" in capsys.readouterr().out


def test_follow_waits_for_a_file_that_is_not_there_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    with Progress("train").follow(metrics, {"reward": "reward"}):
        time.sleep(0.2)
        append(metrics, step=1, max_steps=1, reward=0.5)
    assert "1/1 reward 0.5" in capsys.readouterr().out


def test_events_of_another_process_are_printed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.log"
    events.write_text("of an earlier launch\n")
    with Progress("train").follow(tmp_path / "metrics.jsonl", {}, events):
        with events.open("a") as file:
            file.write("engine 0 died\nengine 0 is ba")
        time.sleep(1.2)
        with events.open("a") as file:
            file.write("ck\n")
    printed = [line.partition("] ")[2] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["engine 0 died", "engine 0 is back"]
