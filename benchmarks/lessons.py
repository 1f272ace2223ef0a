"""Targets of a study on lessons, read apart from the reward: `python -m benchmarks.lessons RUN...`.

Each RUN is the folder of a run with the laboratory's backbone, such as `runs/study-lessons/seed-0/rl`. A lesson is a
story with one invented operation, which the expert names in one step: `71 zorb = 145`. The reader is the world's
(`rewriter_agent/data/lab_world/reader.py`), which shares no code with `reward/steps`: it knows the rules of the
operations, and the forms in which the backbone calculates.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

from rewriter_agent.data.lab_world.lessons import WAYS, Way, way_over
from rewriter_agent.data.lab_world.operations import OPERATIONS
from rewriter_agent.data.lab_world.reader import NUMBER, claims, unread
from rewriter_agent.data.lab_world.story import Step

NAMED = re.compile(rf"({NUMBER}) ({'|'.join(OPERATIONS)}) = ({NUMBER})")
"""New step of an expert's solution in the style `terse`."""
STEPS = 8
"""Steps of training in one share of the candidates that pass."""
COLUMNS = ("right", "true", "accepted", "rewritten", "false step", "unread", *WAYS, "coverage")
"""Columns of the table, in percent: three of the candidates, the share of the problems, the rest of the targets."""


def lesson(text: str, solution: str) -> Way | None:
    """Tell how a text gets over the new step of the expert's solution; None if there is none."""
    step = NAMED.search(solution)
    if step is None:
        return None
    before, name, after = step.groups()
    return way_over(text, [Step(name, 0, int(before), int(after), "", "")])


@dataclass(frozen=True)
class Candidates:
    """Shares of a run's candidates, in percent."""

    right: float
    true: float
    """Right, with at least one calculation, and no false or unread one."""
    accepted: float

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], answers: Mapping[str, str]) -> "Candidates":
        right = [row for row in rows if row["extracted"] == answers[row["problem_id"]]]
        true = [row for row in right if _all_true(row["text"])]
        return cls(*(100 * len(some) / len(rows) for some in (right, true, [r for r in rows if r["gate"]])))


def _all_true(text: str) -> bool:
    found = [claim.true for claim in claims(text)]
    return bool(found) and all(found) and not unread(text)


def describe(run: Path) -> str:
    """Make a run's line of the table."""
    targets = pq.read_table(run / "rewrite" / "rewrites.parquet").to_pylist()
    rewritten = [row for row in targets if row["writer"]]
    answers = {row["problem_id"]: row["answer"] for row in targets}
    candidates = Candidates.of(pq.read_table(run / "rewrite" / "candidates.parquet").to_pylist(), answers)
    texts = [row["target_text"] for row in rewritten]
    ways = Counter(lesson(row["target_text"], row["expert_solution"]) for row in rewritten)
    shares = [
        candidates.right,
        candidates.true,
        candidates.accepted,
        100 * len(rewritten) / len(targets),
        _percent([any(not claim.true for claim in claims(text)) for text in texts]),
        _percent([unread(text) for text in texts]),
        *(100 * ways[way] / max(1, len(rewritten)) for way in WAYS),
        _percent([row["coverage"] for row in rewritten if row["coverage"] is not None]),
    ]
    return f"{run.name:<20}{len(rewritten):>8}" + "".join(f"{share:>11.1f}" for share in shares)


def by_operation(run: Path) -> str:
    """Make a line of the share of candidates that pass, for each invented operation; empty if there is none."""
    targets = pq.read_table(run / "rewrite" / "rewrites.parquet").to_pylist()
    steps = {row["problem_id"]: NAMED.search(row["expert_solution"]) for row in targets}
    found: dict[str, list[bool]] = {}
    for row in pq.read_table(run / "rewrite" / "candidates.parquet").to_pylist():
        step = steps[row["problem_id"]]
        if step:
            found.setdefault(step[2], []).append(row["gate"])
    shares = [f"{name} {_percent(passed):.1f}" for name, passed in sorted(found.items())]
    return f"    accepted by operation: {', '.join(shares)}" if shares else ""


def by_steps(run: Path) -> str:
    """Make a line of the share of candidates that pass, for each eight steps of training; empty without training."""
    file = run / "train" / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    parts = [rows[start : start + STEPS] for start in range(0, len(rows), STEPS)]
    shares = [
        f"{part[0]['step']}-{part[-1]['step']}: {_percent([row['reward_terms/gate_mean'] for row in part]):.1f}"
        for part in parts
    ]
    equal = _percent([row["frac_reward_zero_std"] for row in rows])
    return (
        f"    accepted by steps: {', '.join(shares)}; groups with equal rewards: {equal:.1f}" if rows else ""
    )


def _percent(shares: Sequence[float]) -> float:
    return 100 * fmean(shares) if shares else 0.0


def main() -> None:
    """Print the table, with the acceptance by operation and by steps, and some accepted rewrites of each run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--show", type=int, default=0, help="accepted rewrites to print of each run (0)")
    options = parser.parse_args()
    print(f"{'run':<20}{'targets':>8}" + "".join(f"{name:>11}" for name in COLUMNS))
    for run in options.runs:
        print("\n".join(filter(None, (describe(run), by_operation(run), by_steps(run)))))
        for text in some_rewrites(run, options.show):
            print(f"---\n{text}")


def some_rewrites(run: Path, count: int) -> list[str]:
    """Draw accepted rewrites, each below the expert's solution."""
    rows = pq.read_table(run / "rewrite" / "rewrites.parquet").to_pylist()
    rewritten = [f"{row['expert_solution']}\n{row['target_text']}" for row in rows if row["writer"]]
    return Random(0).sample(rewritten, min(count, len(rewritten)))


if __name__ == "__main__":
    main()
