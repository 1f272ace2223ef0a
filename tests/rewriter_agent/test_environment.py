"""Machines whose environment is not what libraries assume."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.loopback import is_loopback, without_proxy
from rewriter_agent.environment import prepare_environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's environment as it was before; a test may change any of it."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A temporary folder whose path leaves room for socket names, unlike pytest's own in parallel runs."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_loopback_is_reached_without_a_proxy_beside_what_the_user_spares() -> None:
    spared = {"no_proxy": "a.example, b.example", "NO_PROXY": "c.example"}
    found = without_proxy(spared)
    assert found["no_proxy"] == found["NO_PROXY"] == "a.example,b.example,c.example,127.0.0.1,localhost,::1"
    assert without_proxy(found) == found
    assert without_proxy({})["no_proxy"] == "127.0.0.1,localhost,::1"
    assert without_proxy({"NO_PROXY": "*"})["no_proxy"] == "*"


def test_loopback_addresses() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "localhost", "::1")))
    assert not any(map(is_loopback, ("10.0.0.1", "head", "", None)))


def run(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """The command with other variables in its environment; None removes one."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
    return subprocess.run(
        [sys.executable, "-m", "rewriter_agent", *arguments],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        cwd=ROOT,
        encoding="utf-8",
    )


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "réponses.jsonl"
    row = {"id": "é", "gold": "5 €", "text": "Die Lösung ist \\boxed{5 €}"}
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["C", "POSIX"])
def test_text_is_utf8_whatever_the_locale(answers: Path, language: str) -> None:
    done = run(
        "grade",
        str(answers),
        "--output",
        str(answers.with_suffix(".out.jsonl")),
        LC_ALL=language,
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert (done.returncode, done.stderr) == (0, "")
    graded = json.loads(answers.with_suffix(".out.jsonl").read_text(encoding="utf-8"))
    assert (graded["id"], graded["extracted"]) == ("é", "5 €")


@pytest.mark.parametrize("home", ["/proc/nonexistent", "/proc/1/cmdline", "/proc", "relative"])
def test_a_home_that_cannot_be_written(answers: Path, short_path: Path, home: str) -> None:
    done = run(
        "grade",
        str(answers),
        "--output",
        str(answers.with_suffix(".out.jsonl")),
        HOME=home,
        TMPDIR=str(short_path),
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    own = short_path / f"rewriter-agent-{os.getuid()}"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


def test_what_an_unwritable_home_holds_is_still_read(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (short_path / ".cache" / "huggingface").mkdir(parents=True)
    (short_path / ".netrc").touch()
    monkeypatch.setattr("rewriter_agent.environment.can_write", lambda folder: False)
    for name in ("HF_HOME", "NETRC"):
        os.environ.pop(name, None)
    os.environ.update(HOME=str(short_path), TMPDIR=str(short_path))
    prepare_environment()
    assert os.environ["HOME"] == str(short_path / f"rewriter-agent-{os.getuid()}")
    assert os.environ["HF_HOME"] == str(short_path / ".cache" / "huggingface")
    assert os.environ["NETRC"] == str(short_path / ".netrc")


def test_a_home_that_somebody_else_could_have_made_is_refused(short_path: Path) -> None:
    own = short_path / f"rewriter-agent-{os.getuid()}"
    own.mkdir(mode=0o777)
    own.chmod(0o777)
    os.environ.update(HOME="/proc/nonexistent", TMPDIR=str(short_path))
    with pytest.raises(ValueError, match="others can read it"):
        prepare_environment()


def test_a_temporary_folder_without_room_for_sockets_is_not_used(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    os.environ["TMPDIR"] = str(long)
    prepare_environment()
    assert len(tempfile.gettempdir()) < 60
    assert os.environ.get("TMPDIR", tempfile.gettempdir()) == tempfile.gettempdir()


@pytest.mark.parametrize("folder", ["/proc", "/none"])
def test_a_temporary_folder_that_cannot_be_written_is_not_used(folder: str) -> None:
    os.environ["TMPDIR"] = folder
    prepare_environment()
    assert os.environ["TMPDIR"] == tempfile.gettempdir() != folder


def test_a_user_without_a_name_gets_one() -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        os.environ.pop(name, None)
    prepare_environment()
    assert os.environ["USER"] == f"user-{os.getuid()}"


def test_libraries_show_no_progress_bars() -> None:
    code = (
        "import sys; import rewriter_agent.cli; assert 'tqdm' not in sys.modules; "
        "rewriter_agent.cli.prepare_environment(); from tqdm import tqdm; list(tqdm(range(3)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == ""
