"""Programs of many kinds against their tests: `cases/*.txt` holds an answer and tests a case.

A verdict is that of the whole way, through the confined processes.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reward.answers.formats.code import extract
from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier
from reward.types import Check

FOLDER = Path(__file__).parent / "cases"
Case = tuple[str, str]


def read(name: str) -> dict[str, Case]:
    """Answer and tests by the name of the case."""
    cases = {}
    for part in f"\n{(FOLDER / name).read_text()}".split("\n=== ")[1:]:
        title, _, rest = part.partition("\n")
        answer, mark, tests = rest.partition("\n--- tests\n")
        assert mark, title
        cases[title] = answer, tests
    return cases


HONEST, OWN_WORD, WRONG, FORGED = (read(f"{name}.txt") for name in ("honest", "own-word", "wrong", "forged"))
REPORTED = [json.loads(line) for line in (FOLDER / "reported-forgeries.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(code_timeout=30)) as running:
        yield running


def outcome(verifier: Verifier, case: Case) -> str:
    answer, tests = case
    (grade,) = verifier.verify([Check(tests, answer, "python")])
    return grade.verdict.value if grade.reason is None else f"{grade.verdict.value} {grade.reason}"


@pytest.mark.parametrize("case", HONEST.values(), ids=HONEST.keys())
def test_an_honest_program_passes(verifier: Verifier, case: Case) -> None:
    assert outcome(verifier, case) == "equal"


@pytest.mark.parametrize("case", OWN_WORD.values(), ids=OWN_WORD.keys())
def test_a_verdict_names_that_it_rests_on_the_answers_own_methods(verifier: Verifier, case: Case) -> None:
    assert outcome(verifier, case) == "equal own_word"


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_program_fails(verifier: Verifier, case: Case) -> None:
    assert outcome(verifier, case) == "different test_failed"


@pytest.mark.parametrize("case", FORGED.values(), ids=FORGED.keys())
def test_a_forgery_does_not_pass(verifier: Verifier, case: Case) -> None:
    assert not outcome(verifier, case).startswith("equal")


@pytest.mark.parametrize("row", REPORTED, ids=lambda row: row["id"])
def test_reported_forgeries_do_not_pass_and_their_neighbours_do(
    verifier: Verifier, row: dict[str, str]
) -> None:
    answer = extract(row["text"], True)
    assert answer is not None
    assert outcome(verifier, (answer, row["gold"])).partition(" ")[0] == row["verdict"]
