"""The file of a cluster's token."""

import stat
from pathlib import Path

import pytest

from cluster.token import protect_token


def test_only_its_owner_can_read_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    protect_token()
    path = tmp_path / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text("its token")
    path.chmod(0o644)
    protect_token()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "its token"
