"""Readers of strangers' files: modules that run in a process of their own, with limits."""

import asyncio
import sys
from collections.abc import Sequence

SECONDS = 600
"""Longest time of a reader."""


async def read_in_child(module: str, arguments: Sequence[str]) -> bool:
    """Run a module of this package; whether it has succeeded."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"{__package__}.{module}", *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(SECONDS):
            await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
    return child.returncode == 0
