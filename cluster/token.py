"""The authentication token of this user's Ray clusters."""

import os
import secrets
import stat
from pathlib import Path


def new_token() -> str:
    """Create a random token."""
    return secrets.token_hex(16)


def protect_token() -> None:
    """Make Ray's token file readable by its owner only; Ray creates it readable by all users."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.expanduser("~/.ray/auth_token"))
    if not path.is_file():
        return
    status = path.stat()
    if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o600)
