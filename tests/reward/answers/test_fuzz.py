import itertools
import random
import time
from collections.abc import Iterator
from fractions import Fraction

import pytest

from benchmarks.fuzz import Outcome, corpus_texts, measure, memory_faults, run
from reward.answers.conventions import CONVENTIONS, extract_answer
from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier
from reward.types import Check, Verdict
from tests.helpers.mutate import LONGEST, answers, renderings

CONFIG = RewardConfig(timeout=1, memory_limit_gb=1)
PAIRS = 3000


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(CONFIG) as running:
        yield running


def test_the_same_seed_makes_the_same_answers() -> None:
    def made(seed: int) -> list[str]:
        return list(itertools.islice(answers(random.Random(seed), corpus_texts()), 300))

    assert made(1) == made(1) != made(2)
    assert all(len(answer) <= LONGEST for answer in made(1))


@pytest.mark.slow
def test_hostile_answers_break_nothing(verifier: Verifier) -> None:
    outcome, start = Outcome(), time.monotonic()
    measure("start", verifier, outcome)
    for _ in run(verifier, CONFIG, outcome, PAIRS, seed=1):
        measure(f"after {outcome.pairs}", verifier, outcome)
    assert outcome.faults == []
    assert memory_faults(outcome, CONFIG) == []
    assert outcome.pairs == sum(outcome.verdicts.values()) == PAIRS
    assert set(outcome.verdicts) == {verdict.value for verdict in Verdict}
    stuck = verifier.timeouts + verifier.crashes
    assert stuck < PAIRS / 20
    assert time.monotonic() - start < 240


@pytest.mark.slow
def test_numbers_equal_all_their_spellings_and_no_other_number(verifier: Verifier) -> None:
    rng = random.Random(2)
    for _ in range(60):
        value = Fraction(
            rng.randint(-(10 ** rng.randint(1, 12)), 10 ** rng.randint(1, 12)), rng.choice((1, 1, 3, 7, 12))
        )
        texts = renderings(value)
        same = [Check(str(value), text, "boxed") for text in texts]
        assert [grade.verdict for grade in verifier.verify(same)] == [Verdict.EQUAL] * len(same), same
        near = value + rng.choice((1, -1, Fraction(1, 3), Fraction(1, 10**9)))
        # Two decimals are compared within a tolerance, so decimals of large numbers may be equal.
        other = [
            Check(text, wrong, "boxed")
            for text in texts
            for wrong in renderings(near)
            if "." not in text or "." not in wrong
        ]
        assert {grade.verdict for grade in verifier.verify(other)} == {Verdict.DIFFERENT}, (value, near)


def test_extraction_takes_any_text_and_gives_no_empty_answer() -> None:
    rng = random.Random(3)
    markers = ("", r"\boxed{", "#### ", "The answer is ", "```json\n", "```python\n", "(", "answer: **")
    for text in itertools.islice(answers(rng, corpus_texts()), 1500):
        whole = rng.choice(markers) + text + rng.choice(("", "}", "}.", ".", "\n```", ")", "**"))
        for convention in CONVENTIONS:
            for strict in (True, False):
                answer = extract_answer(whole, convention, strict=strict)
                assert answer is None or answer.strip(), (whole, convention)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    "fragment",
    [
        *("\\boxed{", "\\boxed", "answer is ", "answer ", "#### ", "```json\n", "$", "**", "*_"),
        *("{", '{"', "{}", "[", '\\"', "(", "1,", " ", "\n", "A ", "a.", "\x00\ud800"),
    ],
)
def test_extraction_is_linear(convention: str, fragment: str) -> None:
    def seconds(length: int) -> float:
        text = fragment * (length // len(fragment))
        start = time.process_time()
        for strict in (True, False):
            extract_answer(text, convention, strict=strict)
        return time.process_time() - start

    seconds(1000)
    limit = 0.05 + 40 * max(seconds(12_500), 0.002)
    # A busy machine may slow one measurement down; quadratic time slows all.
    assert any(seconds(100_000) < limit for _ in range(3))
