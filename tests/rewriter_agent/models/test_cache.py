"""Folders that are built once."""

import threading
from pathlib import Path

import pytest

from rewriter_agent.models.cache import cache_root, cached_folder


def test_built_once_by_threads_that_ask_together(tmp_path: Path) -> None:
    calls: list[Path] = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "weights").write_text("w")

    threads = [threading.Thread(target=cached_folder, args=(tmp_path, "model", build)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert (tmp_path / "model" / "weights").read_text() == "w"


def test_half_built_folder_is_not_used(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        cached_folder(tmp_path, "model", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["model.lock"]
    folder = cached_folder(tmp_path, "model", lambda folder: None)
    assert list(folder.iterdir()) == []


def test_root_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWRITER_AGENT_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("REWRITER_AGENT_CACHE")
    assert cache_root() == Path.home() / ".cache" / "rewriter-agent"
