"""The console: the agent's own lines, and a log for everything that libraries print."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter_agent.io.console import console, without_tokens
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.run_log import run_log

NOISY = """
import ctypes, logging, os, subprocess, sys, threading
from pathlib import Path
from rewriter_agent.io.console import console
from rewriter_agent.runtime.run_log import run_log

console.verbose = sys.argv[2] == "verbose"
console.say("before")
with run_log(Path(sys.argv[1])):
    print("printed by a library")
    logging.warning("logged by a library")
    os.write(2, b"written by C code\\n")
    subprocess.run(["sh", "-c", "echo printed by a child; echo on stderr >&2"], check=True)
    threading.Thread(target=console.say, args=["from a thread"]).start()
    console.detail("a detail")
    console.say("during")
print("after")
"""


def run_noisy(folder: Path, level: str = "quiet") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", NOISY, str(folder), level]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_only_own_lines_are_shown_and_the_log_has_everything(tmp_path: Path) -> None:
    done = run_noisy(tmp_path / "run")
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["before", "from a thread", "during", "after"]
    log = RunFolder(tmp_path / "run").log
    head, *rest = log.read_text().splitlines()
    assert head.startswith("== 2")
    assert sorted(rest) == sorted(
        [
            "printed by a library",
            "WARNING:root:logged by a library",
            "written by C code",
            "printed by a child",
            "on stderr",
            "from a thread",
            "a detail",
            "during",
        ]
    )
    assert log.stat().st_mode & 0o077 == 0


def test_a_second_attempt_appends_to_the_log(tmp_path: Path) -> None:
    for _ in range(2):
        run_noisy(tmp_path / "run")
    assert RunFolder(tmp_path / "run").log.read_text().count("written by C code") == 2


def test_details_are_shown_on_request(tmp_path: Path) -> None:
    assert "a detail" in run_noisy(tmp_path / "run", "verbose").stdout.splitlines()


def test_an_error_names_the_log_unless_the_user_caused_it(tmp_path: Path) -> None:
    log = RunFolder(tmp_path / "run").log
    with pytest.raises(RuntimeError) as fault, run_log(tmp_path / "run"):
        raise RuntimeError("an engine died")
    assert fault.value.__notes__ == [f"details: {log}"]
    with pytest.raises(ValueError, match="too many engines") as mistake, run_log(tmp_path / "run"):
        raise ValueError("too many engines")
    assert not hasattr(mistake.value, "__notes__")


def test_a_run_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    with pytest.raises(ValueError, match="too many engines"), run_log(folder):
        raise ValueError("too many engines")
    assert list(tmp_path.iterdir()) == []

    def begin_and_fail() -> None:
        (folder / "config.yaml").write_text("")
        raise ValueError("too many engines")

    (tmp_path / "runs").mkdir()
    with pytest.raises(ValueError, match="too many engines"), run_log(folder):
        begin_and_fail()
    assert (folder / "config.yaml").exists()


def test_no_token_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghij")
    monkeypatch.setenv("WANDB_API_KEY", "a")
    with run_log(tmp_path / "run"):
        console.say("https://hf_abcdefghij@hub/a")
    console.warn("error: the token hf_abcdefghij is refused")
    shown = capsys.readouterr()
    assert shown.out == "https://<HF_TOKEN>@hub/a\n"
    assert shown.err == "error: the token <HF_TOKEN> is refused\n"
    assert "hf_abcdefghij" not in RunFolder(tmp_path / "run").log.read_text()
    # A value of one letter is no token.
    assert without_tokens("a cat") == "a cat"


def test_a_stream_without_a_file_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with run_log(tmp_path / "run"):
        console.say("a line")
        os.write(1, b"by a library\n")
    assert stream.getvalue() == "a line\n"
