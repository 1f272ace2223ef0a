"""A followed job: its lines are shown whole, and those of Ray only on request."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from rewriter_agent.commands.ray_job import _print_log
from rewriter_agent.io.console import console

CHUNKS = (
    "2026-11-30 16:04:43,698\tINFO job_manager.py:581 -- Runtime env is setting up.\n",
    "Running entrypoint for job raysubmit_W: env -C /x python -m rewriter_agent run\n[prepare 00:00] sta",
    "rting\n[prepare 00:01] 48 problems\n",
    "error: no",
)
OWN = ["[prepare 00:00] starting", "[prepare 00:01] 48 problems", "error: no"]


class Client:
    async def tail_job_logs(self, job: str) -> AsyncIterator[str]:
        for chunk in CHUNKS:
            yield chunk


@pytest.mark.parametrize("verbose", [False, True])
def test_lines_of_a_job(
    verbose: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "verbose", verbose)
    asyncio.run(_print_log(cast(Any, Client()), "job"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == OWN
    assert len(lines) == (5 if verbose else 3)
