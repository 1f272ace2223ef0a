"""The folder of Ray's logs and sockets."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.temporary import DEFAULT, LONGEST_PATH, ray_folder


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_with_too_long_a_path_for_sockets_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * LONGEST_PATH)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    assert ray_folder() == DEFAULT
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with pytest.raises(ValueError, match=r"RAY_TMPDIR=.* cannot be used: the path has \d+ bytes"):
        ray_folder()


def test_a_folder_that_is_not_writable_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/proc")
    assert ray_folder() == DEFAULT
    for name, fault in (
        ("/proc", "no file can be written"),
        ("/none", "no such folder"),
        ("x", "not absolute"),
    ):
        monkeypatch.setenv("RAY_TMPDIR", name)
        with pytest.raises(ValueError, match=fault):
            ray_folder()


def test_a_short_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ray_folder() == DEFAULT
    monkeypatch.setenv("RAY_TMPDIR", "/var/tmp")
    assert ray_folder() == Path("/var/tmp")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder with a short path in which another user's Ray works."""
    if os.getuid() != 0:
        pytest.skip("needs the right to give a folder to another user")
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        (Path(folder) / "ray").mkdir(mode=0o777)
        os.chown(Path(folder) / "ray", 12345, 12345)
        monkeypatch.setattr("cluster.temporary.DEFAULT", Path(folder))
        yield Path(folder)


def test_a_folder_of_another_users_ray_is_left_to_it(shared: Path) -> None:
    assert ray_folder() == shared / "ray-0"
    assert ray_folder().stat().st_mode & 0o777 == 0o700
    os.chown(shared / "ray", 0, 0)
    assert ray_folder() == shared


def test_a_folder_that_another_user_made_for_this_one_is_refused(shared: Path) -> None:
    (shared / "ray-0").mkdir()
    os.chown(shared / "ray-0", 12345, 12345)
    with pytest.raises(ValueError, match="another user's Ray works there"):
        ray_folder()
