"""The token that a Ray cluster of this user asks for."""

import os
import secrets
import stat
from pathlib import Path


def new_token() -> str:
    """Make a token that nobody can guess."""
    return secrets.token_hex(16)


def protect_token() -> None:
    """Let nobody but its owner read the token that Ray keeps in a file, which it makes readable for all."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.expanduser("~/.ray/auth_token"))
    if not path.is_file():
        return
    status = path.stat()
    if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o600)
