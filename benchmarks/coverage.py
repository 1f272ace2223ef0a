"""Coverage of the expert's facts on real texts, and its speed: `python -m benchmarks.coverage`.

SciQ's support texts are the expert solutions, and so are those of a file of rows with `--rows FILE`, each with a
question and a solution (or an answer that ends in "#### X", as in GSM8K). For each text, the table shows the coverage
of the expert solution itself, of a paraphrase by rules, of its first half and of another row's solution.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from reward.coverage import brought, coverage
from reward.words import words
from rewriter_agent.data.package_data import package_data

Row = tuple[str, str]
"""A question and its solution."""

ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
FEWEST_WORDS = 20
OPENINGS = ("So", "Well,", "We see that", "Note:", "As we know,")


def sciq() -> list[Row]:
    """Questions whose support has some words, with the support as the solution."""
    splits = package_data("allenai/sciq", None)
    assert splits is not None, "the package is one of the requirements"
    rows = [(row["question"], row["support"]) for split in splits.values() for row in split]
    return [row for row in rows if len(row[1].split()) >= FEWEST_WORDS]


def read(path: Path) -> list[Row]:
    """Rows of a JSON Lines file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["question"], row.get("solution") or row["answer"]) for row in rows]


def paraphrase(text: str, draw: random.Random) -> str:
    """Other sentences with the same facts: in another order, with other openings, and numbers spelled otherwise."""
    body, _, answer = text.partition("\n####")
    sentences = [part for part in re.split(r"(?<=[.!?;])\s+|\n", re.sub(r"<<.*?>>", "", body)) if part]
    draw.shuffle(sentences)
    spelled = [re.sub(r"(?<![\d.,/])\d+(?![\d.,/%])", _respelled, part) for part in sentences]
    said = " ".join(f"{draw.choice(OPENINGS)} {part}" for part in spelled)
    return f"{said}\n####{answer}" if answer else said


def _respelled(match: re.Match[str]) -> str:
    value = int(match[0])
    return ONES[value] if 1 < value < len(ONES) else f"{value:,}"


def half(text: str) -> str:
    """First half of a text's lines or, if it has one line, of its words."""
    lines = text.partition("\n####")[0].splitlines()
    if len(lines) > 1:
        return "\n".join(lines[: len(lines) // 2])
    said = text.split()
    return " ".join(said[: len(said) // 2])


def measure(name: str, rows: Sequence[Row]) -> None:
    """Print the coverage of each kind of text, the number of facts and the speed."""
    draw = random.Random(0)
    found = [(brought(*row), row[1]) for row in rows]
    found = [(facts, solution) for facts, solution in found if facts]
    kinds = Counter(fact.kind for facts, _ in found for fact in facts)
    others = [draw.choice(found)[1] for _ in found]
    texts = {
        "expert": [solution for _, solution in found],
        "paraphrase": [paraphrase(solution, draw) for _, solution in found],
        "first half": [half(solution) for _, solution in found],
        "another row": others,
    }
    print(f"{name}: {len(rows)} rows, {len(rows) - len(found)} without a fact; {dict(kinds)}")
    for kind, written in texts.items():
        shares = [coverage(text, facts) or 0.0 for text, (facts, _) in zip(written, found, strict=True)]
        print(f"  {kind:<14}{fmean(shares):>8.3f}")
    start = time.process_time()
    for facts, solution in found:
        coverage(solution, facts)
    seconds, count = time.process_time() - start, sum(len(words(solution)) for _, solution in found)
    print(f"  ms per 100 words{1e5 * seconds / count:>6.3f}")


def main() -> None:
    """Print a table for each set of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    measure("SciQ", sciq())
    for path in options.rows:
        measure(str(path), read(path))


if __name__ == "__main__":
    main()
