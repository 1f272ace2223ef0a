"""False alarms, detection and speed of the check of steps: `python -m benchmarks.steps FILE...`.

Each FILE is JSONL, JSON or Parquet, gzipped or not. Without --detect, every text with a false or a broken step is
listed, so that you can look at it. With --detect, the result of one equation of each text is changed (by +1, by -1,
times 10, or to another number; seeded), and the texts are listed whose change is not found.
"""

import argparse
import gzip
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from reward.answers.conventions import decide, extract_answer
from reward.config import RewardConfig
from reward.steps import check_steps
from reward.types import Check

NOTES = re.compile(r"<<[^<>]*>>")
_NUMBER = r"(?:\d[\d,]*)?\.?\d+"
EQUATION = re.compile(
    r"(?<![\w.,*/+×÷)–−-])(?<![*/+×÷)–−-] )(?<!\b[A-Za-z] )"
    rf"(?:\$?{_NUMBER}%? ?[-+*/×÷x−–] ?)+\(?\$?{_NUMBER}%?\)? ?= ?\$?(?P<result>\d[\d,]*(?:\.\d+)?)"
    r"(?![\d.,/%]*[\d/%]| \d)(?! ?[-+*/×÷x−–=])"
)
"""Closed equation with its result in plain text, read apart from the product's reader."""
CHANGES = ("+1", "-1", "x10", "other")


@dataclass(frozen=True)
class Text:
    """Text of a row, its name for the list, and its question."""

    name: str
    text: str
    given: str


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file."""
    if path.suffix == ".parquet":
        yield from pq.read_table(path).to_pylist()
        return
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".jsonl" in path.suffixes:
        yield from map(json.loads, content.splitlines())
    else:
        yield from json.loads(content)


def read(path: Path, text: str, given: str, *, notes: bool) -> list[Text]:
    """Texts of a file, made from the templates `text` and `given`, which name fields in braces."""
    texts = []
    for number, row in enumerate(rows(path)):
        body = text.format_map(row)
        texts.append(
            Text(f"{path.name}:{number}", body if notes else NOTES.sub("", body), given.format_map(row))
        )
    return texts


def list_flagged(texts: list[Text]) -> None:
    """Print each false and each broken step, and the shares of texts that hold one."""
    false = broken = checked = with_claims = 0
    for text in texts:
        report = check_steps(text.text, text.given)
        checked, with_claims = checked + report.checked, with_claims + bool(report.checked)
        false, broken = false + bool(report.false), broken + bool(report.broken)
        for step in report.false:
            print(f"{text.name}: false: {step.text}   claimed {step.claimed}, value {step.value}")
        for step in report.broken:
            print(f"{text.name}: broken: {step}")
    print(f"{len(texts)} texts, {with_claims} with a claim, {checked} claims checked")
    print(
        f"false step: {false} texts, {false / len(texts):.2%}; broken step: {broken} texts, {broken / len(texts):.2%}"
    )


def changed(text: str, kind: str, rng: random.Random) -> str | None:
    """Change the result of one equation of `text`; None if it holds none."""
    found = list(EQUATION.finditer(text))
    if not found:
        return None
    result = rng.choice(found)
    start, end = result.span("result")
    value = text[start:end].replace(",", "")
    number = float(value) if "." in value else int(value)
    other = rng.choice([n for n in range(2, 200) if n != number])
    new = {"+1": number + 1, "-1": number - 1, "x10": number * 10 or 10, "other": other}[kind]
    return f"{text[:start]}{new:.{len(value.partition('.')[2])}f}{text[end:]}"


def measure_detection(texts: list[Text], seed: int) -> None:
    """Change one result in each text that has no false step, and print the share of changes that are found."""
    rng, found, total = random.Random(seed), Counter(), Counter()
    for text in texts:
        kind = rng.choice(CHANGES)
        other = changed(text.text, kind, rng)
        if other is None or check_steps(text.text, text.given).false:
            continue
        total[kind] += 1
        if check_steps(other, text.given).false:
            found[kind] += 1
        else:
            line = next(
                line
                for line, old in zip(other.split("\n"), text.text.split("\n"), strict=True)
                if line != old
            )
            print(f"{text.name}: {kind} not found: {line}")
    for kind in CHANGES:
        print(
            f"{kind:<6} {found[kind]:>6} of {total[kind]:>6} found, {found[kind] / max(1, total[kind]):.2%}"
        )
    print(
        f"all    {found.total():>6} of {total.total():>6} found, {found.total() / max(1, total.total()):.2%}"
    )


def measure_speed(texts: list[Text]) -> None:
    """Print the CPU milliseconds a text of checking its steps, next to those of reading and deciding an answer."""
    config = RewardConfig()
    seconds: dict[str, list[float]] = {"steps": [], "answer": []}
    for number, text in enumerate(texts):
        start = time.thread_time()
        check_steps(text.text, text.given)
        middle = time.thread_time()
        answer = extract_answer(f"{text.text}\nSo it is \\boxed{{{number}/2 + 3}}.", "boxed")
        decide(Check(r"\frac{1}{2} + 3", answer or "", "boxed"), config)
        seconds["steps"].append(middle - start)
        seconds["answer"].append(time.thread_time() - middle)
    for name, measured in seconds.items():
        cuts, mean = statistics.quantiles(measured, n=100), statistics.fmean(measured)
        print(f"{name:<7} mean {mean * 1e3:.2f} ms, p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--text", default="{answer}", help="template of the text, fields in braces")
    parser.add_argument("--given", default="{question}", help="template of the question")
    parser.add_argument("--without-notes", action="store_true", help="drop calculator notes, <<1+1=2>>")
    parser.add_argument(
        "--detect", action="store_true", help="change one result a text, and count what is found"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for path in options.files:
        texts = read(path, options.text, options.given, notes=not options.without_notes)
        if options.detect:
            measure_detection(texts, options.seed)
        else:
            list_flagged(texts)
            measure_speed(texts)


if __name__ == "__main__":
    main()
