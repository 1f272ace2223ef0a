"""Targets of a study on lessons, read apart from the reward: `python -m benchmarks.lessons RUN...`.

Each RUN is the folder of a run with the laboratory's backbone, such as `runs/study-lessons/seed-0/rl`. A lesson is a
story with one invented operation, which the expert names in one step: `71 zorb = 145`. The reader shares no code with
`reward/steps`: it knows the rules of the operations, and the forms in which the backbone calculates.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, Literal, get_args

import pyarrow.parquet as pq

LESSONS: dict[str, Callable[[int], int]] = {
    "zorb": lambda value: 2 * value + 3,
    "plim": lambda value: value + 17,
    "quat": lambda value: 3 * value,
    "dreb": lambda value: value - 9 if value >= 10 else value + 9,
    "funk": lambda value: value // 2 if value % 2 == 0 else value + 1,
    "glim": lambda value: 100 - value if value < 100 else value - 50,
}
"""The invented operations, by name."""
NUMBER = r"-?\d+"
EXPRESSION = rf"{NUMBER}(?: [-+*/] {NUMBER})*"
NO_LESSON = "".join(f"(?<!{name} )" for name in LESSONS)
EQUATION = re.compile(rf"(?<![\w.])(?<![-+*/(] ){NO_LESSON}{EXPRESSION}(?: = {EXPRESSION})+(?![\w)])")
NAMED = re.compile(rf"(?<![\w.])({NUMBER}) ({'|'.join(LESSONS)}) = ({NUMBER})\b")
BULLET = re.compile(r"^- ", re.MULTILINE)
WORDS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "A plus B is C": lambda a, b: a + b,
    "adding A to B gives C": lambda a, b: a + b,
    "A more than B makes C": lambda a, b: a + b,
    "A minus B is C": lambda a, b: a - b,
    "taking A from B leaves C": lambda a, b: b - a,
    "A less than B makes C": lambda a, b: b - a,
    "A times B is C": lambda a, b: a * b,
    "taking A times B gives C": lambda a, b: a * b,
    "A times B makes C": lambda a, b: a * b,
    "A over B is C": lambda a, b: a / b,
    "splitting A by B gives C": lambda a, b: a / b,
    "one of A parts of B makes C": lambda a, b: b / a,
}
"""Calculations in words; `A`, `B` and `C` are numbers."""
SAYINGS = {
    re.compile(rf"(?<![-\w.]){re.sub('[ABC]', lambda _: f'({NUMBER})', form)}\b", re.IGNORECASE): operation
    for form, operation in WORDS.items()
}
OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
STEPS = 8
"""Steps of training in one share of the candidates that pass."""
Lesson = Literal["named", "derived", "skipped"]
WAYS = get_args(Lesson)
COLUMNS = ("right", "true", "accepted", "rewritten", "false", "unread", *WAYS, "coverage")
"""Columns of the table, in percent: three of the candidates, the share of the problems, the rest of the targets."""


@dataclass(frozen=True)
class Claim:
    """Calculation in a text."""

    text: str
    true: bool
    result: Fraction


def claims(text: str) -> Iterator[Claim]:
    """Yield the calculations that a text shows: equations, lessons and words, in this order."""
    text = BULLET.sub("", text)
    for match in EQUATION.finditer(text):
        values = [_value(side) for side in match[0].split(" = ")]
        yield Claim(match[0], len(set(values)) == 1 and None not in values, _last_number(match[0]))
    for match in NAMED.finditer(text):
        yield Claim(match[0], LESSONS[match[2]](int(match[1])) == int(match[3]), Fraction(match[3]))
    for saying, operation in SAYINGS.items():
        for match in saying.finditer(text):
            first, second, result = map(Fraction, match.groups())
            yield Claim(match[0], _apply(operation, first, second) == result, result)


def unread(text: str) -> bool:
    """Tell whether an equals sign belongs to no calculation, as in `1 -  = 5`."""
    text = BULLET.sub("", text)
    return "=" in NAMED.sub("", EQUATION.sub("", text))


def lesson(text: str, solution: str) -> Lesson | None:
    """Tell how a text gets over the invented operation of the expert's solution; None if there is none.

    It is named as the expert names it, derived by a calculation from the value before to the value after, or skipped.
    """
    step = NAMED.search(solution)
    if step is None:
        return None
    if step[0] in text:
        return "named"
    found = [claim for claim in claims(text) if claim.result == int(step[3])]
    derives = any(step[1] in re.findall(r"\d+", claim.text) for claim in found)
    return "derived" if derives else "skipped"


def _value(expression: str) -> Fraction | None:
    """Compute `3 + 4 * 2`, products first; None if it divides by 0."""
    first, *rest = expression.split(" ")
    terms: list[Fraction | None] = [Fraction(first)]
    for sign, operand in zip(rest[::2], map(Fraction, rest[1::2]), strict=True):
        if sign in "+-":
            terms.append(operand if sign == "+" else -operand)
        else:
            terms[-1] = terms[-1] if terms[-1] is None else _apply(OPERATIONS[sign], terms[-1], operand)
    return None if None in terms else sum(filter(None, terms), Fraction(0))


def _apply(
    operation: Callable[[Fraction, Fraction], Fraction], first: Fraction, second: Fraction
) -> Fraction | None:
    try:
        return operation(first, second)
    except ZeroDivisionError:
        return None


def _last_number(text: str) -> Fraction:
    return Fraction(re.findall(NUMBER, text)[-1])


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
