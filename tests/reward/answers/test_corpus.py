"""Hand-checked answers and texts with their verdicts: `corpus/*.jsonl`, one case per line.

A case has `gold`, `convention`, `verdict` (or a list of allowed verdicts if the rules leave it open) and either
`answer`, as extracted, or `text` with the extraction `mode`; `no_answer` means that a text states none. Values too
large to write down are built: {"repeat": [text, times]}, or a list of such parts. Pairs are compared both ways, unless
`one_way` says that gold and answer are not interchangeable.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reward.answers.conventions import extract_answer
from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier
from reward.types import Check, Verdict

CORPUS = Path(__file__).parent / "corpus"
NO_ANSWER = "no_answer"


@dataclass(frozen=True)
class Case:
    """One line of a corpus file; `allowed` holds verdicts by name."""

    name: str
    gold: str
    answer: str | None
    text: str | None
    convention: str
    strict: bool
    allowed: frozenset[str]
    one_way: bool


def build(value: Any) -> str:
    """Build the string of a corpus value: itself, a repetition, or the joined parts of a list."""
    if isinstance(value, list):
        return "".join(build(part) for part in value)
    if isinstance(value, dict):
        text, times = value["repeat"]
        return text * times
    return value


@cache
def corpus() -> tuple[Case, ...]:
    """All cases of all files, in order."""
    return tuple(
        _case(f"{path.stem}:{number}", json.loads(line))
        for path in sorted(CORPUS.glob("*.jsonl"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    )


def _case(name: str, row: dict[str, Any]) -> Case:
    verdict = row["verdict"]
    assert ("answer" in row) != ("text" in row), f"{name}: a case has an answer or a text"
    return Case(
        name=name,
        gold=build(row["gold"]),
        answer=build(row["answer"]) if "answer" in row else None,
        text=build(row["text"]) if "text" in row else None,
        convention=row["convention"],
        strict={"strict": True, "lenient": False}[row.get("mode", "strict")],
        allowed=frozenset([verdict] if isinstance(verdict, str) else verdict),
        one_way=row.get("one_way", False),
    )


PAIRS = [case for case in corpus() if case.answer is not None]
TEXTS = [case for case in corpus() if case.text is not None]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(timeout=1.5, code_timeout=1.5)) as running:
        yield running


@pytest.mark.parametrize("case", PAIRS, ids=lambda case: case.name)
def test_a_pair_gets_its_verdict_both_ways(verifier: Verifier, case: Case) -> None:
    assert case.answer is not None
    checks = [Check(case.gold, case.answer, case.convention)]
    if not case.one_way:
        checks.append(Check(case.answer, case.gold, case.convention))
    grades = verifier.verify(checks)
    verdicts = [grade.verdict.value for grade in grades]
    assert set(verdicts) <= case.allowed, f"{case.gold[:60]!r} against {case.answer[:60]!r}: {grades}"
    assert len(set(verdicts)) == 1 or Verdict.UNDECIDED.value in verdicts


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_a_text_gets_its_verdict(verifier: Verifier, case: Case) -> None:
    assert case.text is not None
    answer = extract_answer(case.text, case.convention, strict=case.strict)
    if answer is None:
        assert NO_ANSWER in case.allowed
        return
    assert answer
    [grade] = verifier.verify([Check(case.gold, answer, case.convention)])
    assert grade.verdict.value in case.allowed, f"{answer[:60]!r} in {case.text[:80]!r}: {grade}"


def test_the_corpus_is_large_well_formed_and_without_repeats() -> None:
    cases = corpus()
    known = {verdict.value for verdict in Verdict} | {NO_ANSWER}
    assert all(case.allowed and case.allowed <= known for case in cases)
    assert all(case.text is not None or NO_ANSWER not in case.allowed for case in cases)
    assert len({(c.gold, c.answer, c.text, c.convention, c.strict) for c in cases}) == len(cases)
    assert len(cases) >= 900
    assert sum(case.name.startswith("adversarial") for case in cases) >= 250
    assert sum(len(case.allowed) > 2 for case in cases) <= 12
