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
ATTEMPTS = read("attempts.txt")
"""What a review of the sandbox tried besides."""
REPORTED = [json.loads(line) for line in (FOLDER / "reported-forgeries.jsonl").read_text().splitlines()]


FIND = """
import os, stat
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
FD = next(fd for fd in range(3, 1024) if is_socket(fd))
"""
RANDOM_REPLIES = f"""{FIND}
import json, random, struct
rng = random.Random(SEED)
NAMES = ['int', 'type', 'object', 'SystemExit', 'StopIteration', 'AssertionError', 'datetime.date', 'math', 'unittest',
    'unittest.case.SkipTest', 'list', '__eq__', '__class__', 'E', '__main__', 'unittest.__main__']
TAGS = ['list', 'dict', 'set', 'tuple', 'same', 'yours', 'class', 'module', 'error', 'kind', 'function', 'object',
    'int', 'Decimal', 'Fraction', 'range', 'slice', 'bytes', 'array', 'deque', 'library', 'NotImplemented', 'x']
def node(depth=3):
    kind = rng.randrange(9)
    if kind < 2 or not depth: return rng.choice([None, True, 0, 1, -1, 1.5, 'a', *NAMES])
    if kind < 3: return [node(depth - 1) for _ in range(rng.randrange(3))]
    return [rng.choice(TAGS), *(node(depth - 1) for _ in range(rng.randrange(3)))]
def described():
    return ['dict', [x for k in ('name', 'module', 'bases', 'methods', 'compares', 'hashes', 'plain')
        for x in (k, rng.choice([node(), 'E', True, ['list', []], ['list', ['__eq__', '__sub__', '__float__']]]))]]
def message():
    reply = rng.choice([node, described])()
    return rng.choice([
        ['done', [], reply, ''], ['done', [], reply, ''], ['done', [[rng.randrange(3), [node()]]], reply, ''],
        ['raised', [], reply, ''], ['ask', rng.choice(['call', 'get', 'do', 'describe', 'set']), reply, ''], node()])
def talk():
    for _ in range(50):
        data = json.dumps(message()).encode()
        os.write(FD, struct.pack('!I', len(data)) + data)
        os.read(FD, 65536)
def add(*args): talk()
"""
"""An answer that speaks to the referee itself."""


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


@pytest.mark.parametrize("case", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_an_attempt_to_forge_read_or_leave_something_fails(verifier: Verifier, case: Case) -> None:
    assert not outcome(verifier, case).startswith("equal")


@pytest.mark.parametrize("row", REPORTED, ids=lambda row: row["id"])
def test_reported_forgeries_do_not_pass_and_their_neighbours_do(
    verifier: Verifier, row: dict[str, str]
) -> None:
    answer = extract(row["text"], True)
    assert answer is not None
    assert outcome(verifier, (answer, row["gold"])).partition(" ")[0] == row["verdict"]


def test_what_an_answer_writes_to_its_socket_is_a_result_like_any_other(verifier: Verifier) -> None:
    answer = RANDOM_REPLIES.replace("SEED", "0") + "def message(): return ['done', [], 3, '']\n"
    assert outcome(verifier, (answer, "assert add(1) == 3")) == "equal"
    assert outcome(verifier, (answer, "assert add(1) == 4")) == "different test_failed"


@pytest.mark.parametrize("tests", ["assert add([1, 2], len, print) == 3", "assert abs(add(1, 2) - 3) < 1e-6"])
def test_random_replies_do_not_pass(verifier: Verifier, tests: str) -> None:
    answers = [RANDOM_REPLIES.replace("SEED", str(seed)) for seed in range(60)]
    grades = verifier.verify([Check(tests, answer, "python") for answer in answers])
    assert {grade.verdict.value for grade in grades} <= {"different", "undecided"}
    assert not any(grade.reason == "timeout" for grade in grades)


@pytest.mark.parametrize(
    ("answer", "tests"),
    [
        (f"{FIND}\ndef f():\n    while True: os.read(FD, 1)", "assert f() == 1"),
        ("import time\ndef f(): time.sleep(100)", "assert f() == 1"),
        (
            "def f(g): return g()",
            "def g(): return f(g)\nimport sys\nsys.setrecursionlimit(10**6)\nwhile f(lambda: 1): pass",
        ),
        ("def f():\n    while True: print('x' * 10**6)", "assert f() == 1"),
        ("def f():\n    while True: yield 1", "assert list(f()) == [1]"),
        ("def f():\n    x = (1,)\n    for _ in range(40): x = (x, x)\n    return x", "assert f() == 3"),
        (
            "def f():\n    while True:\n        try: f()\n        except BaseException: pass",
            "assert f() == 1",
        ),
    ],
)
def test_two_processes_that_wait_or_talk_for_ever_are_killed(answer: str, tests: str) -> None:
    with Verifier(RewardConfig(code_timeout=1.5)) as verifier:
        assert outcome(verifier, ("x = 1", "assert x == 1")) == "equal"
        assert outcome(verifier, (answer, tests)) == "undecided timeout"
        assert verifier.pids() == []


def test_tests_that_derive_from_a_class_of_the_answer_are_named_invalid(verifier: Verifier) -> None:
    assert outcome(verifier, ("class A: pass", "class B(A): pass\nassert B()")) == "undecided invalid_gold"
