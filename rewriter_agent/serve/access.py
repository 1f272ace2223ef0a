"""Access tokens of the service: where they come from, and which of them a request carries."""

import hashlib
import hmac
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from cluster.loopback import is_loopback
from rewriter_agent.config.serve import ServeConfig

VARIABLE = "REWRITER_AGENT_TOKEN"
COOKIE = "rewriter_agent_token"
"""Cookie of a browser in which a token was entered."""
SHORTEST = 20
"""Minimum characters of a token."""
MAKE_ONE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


class AccessTokens:
    """Tokens that requests may carry; without any, every request is let in."""

    def __init__(self, tokens: Sequence[str] = ()) -> None:
        self._tokens = [token.encode() for token in tokens]

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def find(self, authorization: str | None) -> str | None:
        """Name of the token in a header `Authorization: Bearer TOKEN`; None if no token matches.

        The name is a hash; without tokens it is empty. All tokens are compared, each in constant time.
        """
        if not self._tokens:
            return ""
        scheme, _, given = (authorization or "").partition(" ")
        matches = [hmac.compare_digest(given.strip().encode(), token) for token in self._tokens]
        if scheme.lower() != "bearer" or not any(matches):
            return None
        return hashlib.sha256(self._tokens[matches.index(True)]).hexdigest()[:16]


def _token(request: Request) -> str:
    return request.state.token


TokenName = Annotated[str, Depends(_token)]
"""Name of the token that a request carries."""


def read_tokens(config: ServeConfig, host: str) -> AccessTokens:
    """Read the tokens that a service on this host needs.

    Raises:
        ValueError: other machines can reach the host and there is no token, or a token cannot be used.
    """
    if config.token_file is not None:
        return AccessTokens(_from_file(config.token_file))
    if given := os.environ.get(VARIABLE):
        return AccessTokens([_checked(given, VARIABLE)])
    if not is_loopback(host):
        raise ValueError(
            f"other machines can reach --host {host}, and the service has no token; set serve.token_file to a file of "
            f"tokens, or {VARIABLE} ({MAKE_ONE}), or leave --host out to serve this machine only"
        )
    return AccessTokens()


def _from_file(path: Path) -> list[str]:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"serve.token_file: other users can read {path}; run: chmod 600 {path}")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    tokens = [
        _checked(line, f"serve.token_file: {path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line
    ]
    if not tokens:
        raise ValueError(f"serve.token_file: {path} holds no token; {MAKE_ONE}")
    return tokens


def _checked(token: str, place: str) -> str:
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            f"{place}: a token has at least {SHORTEST} printable ASCII characters and no space; {MAKE_ONE}"
        )
    return token
