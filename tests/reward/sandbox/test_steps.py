import os
import re
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reward.config import RewardConfig
from reward.sandbox import worker
from reward.sandbox.verifier import Verifier
from reward.steps import FalseStep, StepPattern, StepReport
from reward.types import Check, StepCheck, Verdict

HARD = Check(r"\sin(2x)", r"2\sin(x)\cos(x)", "boxed")
FALSE = FalseStep("5 - 4 = 2", "2", "1")


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(timeout=20, max_verifiers=2)) as running:
        yield running


def step_check(text: str, convention: str = "####") -> StepCheck:
    return StepCheck(text, "5, 4 and 3", convention)


def claim(number: int, result: int) -> StepCheck:
    return StepCheck(f"We see that {number} + 1 = {result}", "", "####")


def test_reports_come_in_order_and_equal_checks_get_the_same_one(verifier: Verifier) -> None:
    false, true = step_check("5 - 4 = 2, so 3 * 2 = 6"), step_check("5 - 4 = 1")
    reports = verifier.check_steps([false, true, step_check("Nothing to check."), false])
    assert reports[:3] == [StepReport(2, (FALSE,), ()), StepReport(1, (), ()), StepReport(0, (), ())]
    assert reports[3] is reports[0]
    assert verifier.check_steps([step_check("6 plim = 23")]) == [StepReport(0, (), (), ("6 plim = 23",))]
    assert verifier.check_steps([]) == []


def test_answers_and_steps_share_the_children(verifier: Verifier) -> None:
    claims = [claim(number, number + 1 + number % 2) for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        grades = threads.submit(verifier.verify, [HARD] * 8)
        found = list(threads.map(verifier.check_steps, [claims] * 4))
        assert {grade.verdict for grade in grades.result()} == {Verdict.EQUAL}
    assert [len(report.false) for report in found[0] if report] == [0, 1] * 20
    assert found[1:] == found[:-1]
    assert 1 <= len(verifier.pids()) <= 2


def test_hostile_texts_are_only_text(verifier: Verifier) -> None:
    texts = [
        "(" * 100_000 + "1 = 2",
        "9" * 200_000 + " + 1 = 3",
        "9^9^9^9^9 = 1",
        "((10!)!)! = 5",
        "1 = " * 50_000,
        "\udcff\x00 5 - 4 = 2",
        '{"gold": "1", "answer": "1", "convention": "plain"}',
        "__import__('os').kill(1, 9) = 2",
    ]
    reports = verifier.check_steps([StepCheck(text, text, "####") for text in texts])
    assert all(report is not None for report in reports)


def test_a_check_that_reaches_the_time_limit_has_no_report() -> None:
    with Verifier(RewardConfig(timeout=1e-6, max_verifiers=1)) as verifier:
        assert verifier.check_steps([claim(1, 2)]) == [None]
        assert verifier.timeouts == 1


def test_a_check_that_runs_out_of_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(text: str, given: str, patterns: list[StepPattern]) -> StepReport:
        raise MemoryError

    monkeypatch.setattr(worker, "check_steps", exhausted)
    assert worker._steps("1 + 1 = 2", "", []) == worker.OUT_OF_MEMORY


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a killed child by its id")
def test_a_child_killed_between_checks_costs_none(verifier: Verifier) -> None:
    verifier.check_steps([claim(1, 2)])
    for pid in verifier.pids():
        os.kill(pid, signal.SIGKILL)
    assert verifier.check_steps([claim(1, 3)]) == [StepReport(1, (FalseStep("1 + 1 = 3", "3", "2"),), ())]


def test_a_claim_is_found_as_it_stands_and_as_a_reader_sees_it(verifier: Verifier) -> None:
    hidden = step_check("First 5 - 4<!-- so --> = 2.")
    commented = step_check("We add them.<!-- Since 5 - 4 = 2, yes. -->")
    both = step_check("First 5 - 4 = 2.<!-- nothing -->")
    reports = verifier.check_steps([hidden, commented, both])
    assert [(report.checked, len(report.false)) for report in reports if report] == [(1, 1)] * 3


@pytest.mark.parametrize(
    ("convention", "text", "false"),
    [
        ("text", "It has 5 - 4 = 2 legs. The answer is a bird.", 1),
        ("choice", "Since 5 - 4 = 2, the answer is (B).", 1),
        ("contains", "A bird, because 5 - 4 = 2.", 1),
        ("json", '```json\n{"note": "5 - 4 = 2"}\n```', 0),
        ("json", '{"note": "5 - 4 = 2"}', 0),
        ("json", 'As 5 - 4 = 2:\n```json\n{"a": 1}\n```', 1),
        ("python", "```python\nassert 5 - 4 == 2\n```", 0),
        ("python", "As 5 - 4 = 2:\n```python\npass\n```", 1),
    ],
)
def test_words_are_read_under_every_convention_and_blocks_are_not(
    verifier: Verifier, convention: str, text: str, false: int
) -> None:
    [report] = verifier.check_steps([step_check(text, convention)])
    assert report is not None
    assert len(report.false) == false


def test_patterns_of_the_config_reach_the_children(tmp_path: Path) -> None:
    file = tmp_path / "patterns.txt"
    file.write_text("# Of another shop\n{a} pens beside {b} make {c} => a + b = c\n")
    given = ["{a} toys and {b} toys make {c} toys => a + b = c", str(file)]
    config = RewardConfig(step_patterns=given, max_verifiers=1)
    file.unlink()
    # Another process reads the config that the first has read.
    config = RewardConfig.model_validate_json(config.model_dump_json())
    texts = ["3 toys and 4 toys make 8 toys.", "3 toys and 4 toys make 7 toys.", "3 pens beside 4 make 6."]
    with Verifier(config) as verifier:
        reports = verifier.check_steps([step_check(text) for text in texts])
    assert [[step.value for step in report.false] for report in reports if report] == [["7"], [], ["7"]]


@pytest.mark.parametrize("given", ["no arrow", "nowhere/patterns.txt", "=> a = b"])
def test_a_pattern_that_cannot_be_read_is_refused_with_the_config(given: str) -> None:
    with pytest.raises(ValueError, match=re.escape("Write: {a} plus {b} (is|equals) {c} => a + b = c")):
        RewardConfig(step_patterns=[given])
