"""Break one line at a time in a copy of the code, and check that a test of `make test` fails: `make broken-lines`."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".yaml")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class BrokenLine:
    """One line of the code, and what breaks it."""

    file: str
    part: str
    broken: str
    tests: str


def broken_lines() -> list[BrokenLine]:
    """The lines to break, from the list next to this file."""
    entries = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return [BrokenLine(**entry) for entry in entries]


def main() -> int:
    """Break each line in turn; returns 1 if no test notices one."""
    unnoticed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "runs", "build"))
        lines = broken_lines()
        before = first_failure(copy, *{one.tests for one in lines})
        assert before is None, f"{before} fails without a broken line"
        for one in lines:
            with broken(one, copy):
                noticed = first_failure(copy, one.tests)
            unnoticed += noticed is None
            print(f"{one.file}: {one.part} -> {one.broken}: {noticed or 'NO TEST FAILS'}", flush=True)
    return int(unnoticed > 0)


@contextmanager
def broken(one: BrokenLine, copy: Path) -> Generator[None]:
    """Break the line of the copy inside the block."""
    file = copy / one.file
    text = file.read_text(encoding="utf-8")
    assert text.count(one.part) == 1, f"{one.file} has {one.part!r} {text.count(one.part)} times"
    file.write_text(text.replace(one.part, one.broken), encoding="utf-8")
    yield
    file.write_text(text, encoding="utf-8")


def first_failure(copy: Path, *tests: str) -> str | None:
    """Name of the first of the tests that fails in the copy; None if all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)
    found = FAILED.search(done.stdout)
    assert (found is not None) == (done.returncode != 0), done.stdout + done.stderr
    return found[1] if found else None


if __name__ == "__main__":
    sys.exit(main())
