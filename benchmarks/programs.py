"""Programs per second, and verdicts on right and wrong ones: `python -m benchmarks.programs HumanEval.jsonl.gz`.

The file is OpenAI's HumanEval. Every canonical solution must pass its tests; with a decorator that changes its
result, it must fail them. The figures depend on the machine, the counts do not.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier, usable_cores
from reward.types import Check

CHANGE = """

def _changed(value):
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case list() | tuple():
            return value + type(value)((None,))
        case dict():
            return value | {None: None}
    return 0 if value is None else None

def _mutated(function):
    return lambda *args, **kwargs: _changed(function(*args, **kwargs))

"""


def right(row: dict[str, Any]) -> str:
    """The canonical solution."""
    return row["prompt"] + row["canonical_solution"]


def wrong(row: dict[str, Any]) -> str:
    """The canonical solution with another result for all arguments."""
    return f"{right(row)}{CHANGE}{row['entry_point']} = _mutated({row['entry_point']})\n"


def tests(row: dict[str, Any]) -> str:
    """The tests with the call that HumanEval leaves to its harness."""
    return f"{row['test']}\ncheck({row['entry_point']})\n"


def report(name: str, verifier: Verifier, checks: list[Check]) -> None:
    """Print verdicts and speed on one line."""
    start = time.perf_counter()
    grades = verifier.verify(checks)
    seconds = time.perf_counter() - start
    counts = Counter(grade.verdict.value for grade in grades)
    print(f"{name:<20}{len(checks) / seconds:>8.1f} checks/s   {dict(counts)}")


def main() -> None:
    """Print verdicts and speed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="HumanEval.jsonl.gz")
    with gzip.open(parser.parse_args().file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    print(f"{len(rows)} problems, {usable_cores()} cores")
    with Verifier(RewardConfig()) as verifier:
        verifier.verify([Check("assert x == 1", "x = 1", "python")])
        report("canonical", verifier, [Check(tests(row), right(row), "python") for row in rows])
        report("changed", verifier, [Check(tests(row), wrong(row), "python") for row in rows])


if __name__ == "__main__":
    main()
