import ast
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.answers.formats.code import extract
from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier
from reward.types import Check

ADD = "def add(a, b):\n    return a + b"
TESTS = (
    "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(-1, 1) == 0\n\ncheck(add)\n"
)
UNITTEST = (
    "import unittest\n\nclass AddTest(unittest.TestCase):\n    def test_sum(self):\n"
    "        self.assertEqual(add(1, 2), 3)\n\nif __name__ == '__main__':\n    unittest.main()\n"
)
READ_THE_CHANNEL = (
    "import os, re\ndef add(a, b): return 9\nfor fd in range(3, 32):\n"
    "    try: os.write(fd, b'ran\\n'); break\n    except OSError: pass\n"
    "seen = b''\nwhile True:\n    seen += os.read(fd, 65536)\n"
    "    words = re.findall(rb'[0-9a-f]{32}', seen)\n"
    "    if not seen or words: os.write(fd, b'equal ' + words[0] + b'\\n' + words[0] + b'\\n')\n"
)
FRAMES = (
    "import sys\ndef seen():\n    frame, text = sys._getframe(1), ''\n"
    "    while frame:\n        text += repr({**frame.f_locals, **frame.f_globals})\n        frame = frame.f_back\n"
    "    return text\n"
)
REPLACED = (
    "import json, socket\nfrom reward.programs import data, exchange, peer, answer_process, referee, wire\n"
    "nothing = lambda *_, **__: None\n"
    "for module in (data, exchange, peer, answer_process, referee, wire, json):\n"
    "    for name in list(vars(module)):\n"
    "        if callable(vars(module)[name]): setattr(module, name, nothing)\n"
    "socket.socket.recv = socket.socket.sendall = nothing\n"
)
WRITE_EVERYWHERE = "import os\nfor d in range(32):\n    try: os.write(d, {})\n    except OSError: pass\n"


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(code_timeout=20)) as running:
        yield running


@pytest.fixture
def hasty() -> Iterator[Verifier]:
    with Verifier(RewardConfig(code_timeout=1)) as running:
        running.verify([Check("pass", "pass", "python")])
        yield running


def outcome(verifier: Verifier, answer: str, tests: str) -> str:
    (grade,) = verifier.verify([Check(tests, answer, "python")])
    return grade.verdict.value if grade.reason is None else f"{grade.verdict.value} {grade.reason}"


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("```python\nx = 1\n```", "x = 1", "x = 1"),
        ("So:\n```py\nx = 1\n```\nThis is it.", "x = 1", "x = 1"),
        ("```\nx = 1\n```", "x = 1", "x = 1"),
        ("``` Python\nx = 1\n``` ", "x = 1", "x = 1"),
        ("```python\nx = 1\n```\n```python\nx = 2\n```", "x = 2", "x = 2"),
        ("```python\nx = 1\n```\n```bash\npip install x\n```", "x = 1", "x = 1"),
        ("1. Do\n   ```python\n   if x:\n       y\n   ```", "if x:\n    y", "if x:\n    y"),
        ("````python\n'''\n```\n'''\n````", "'''\n```\n'''", "'''\n```\n'''"),
        ("```python\r\nx = 1\r\n```", "x = 1", "x = 1"),
        ("```python title=a\nx = 1\n```", "x = 1", "x = 1"),
        ("```bash\nls\n```", None, "```bash\nls\n```"),
        ("```python\nx = 1\n```\nBetter:\n```python\nx = 2", None, "x = 2"),
        ("```python\nx = 1", None, "x = 1"),
        ("```python\n\n```", None, "```python\n\n```"),
        ("x = 1\n", None, "x = 1"),
        ("Use `x` or ```x = 1```.", None, "Use `x` or ```x = 1```."),
        ("  \n", None, None),
        ("", None, None),
    ],
)
def test_extract(text: str, strict: str | None, lenient: str | None) -> None:
    assert extract(text, True) == strict
    assert extract(text, False) == lenient


@given(st.text(alphabet="`python x=1\n ", max_size=60))
def test_extracting_from_a_rendered_answer_gives_it_again(text: str) -> None:
    code = extract(text, True)
    if code is not None:
        assert code.strip()
        assert extract(f"Hence\n``````python\n{code}\n``````\n", True) == code


@pytest.mark.parametrize("start", ["", "```", "    "])
@pytest.mark.parametrize("piece", ["```", "```python\n", "`", " ", "a", "```\n", "x\n", "``` ` "])
@pytest.mark.parametrize("end", ["", "`"])
def test_extract_is_linear(start: str, piece: str, end: str) -> None:
    before = time.process_time()
    extract(start + piece * (10**6 // len(piece)) + end, False)
    assert time.process_time() - before < 3


@pytest.mark.parametrize(
    ("answer", "tests", "expected"),
    [
        (ADD, TESTS, "equal"),
        (ADD, "assert add(1, 2) == 3", "equal"),
        (ADD.replace("+", "-"), TESTS, "different test_failed"),
        ("def add(a, b)\n  return a", TESTS, "different test_failed"),
        ("def plus(a, b): return a + b", TESTS, "different test_failed"),
        ("raise SystemExit(0)\n" + ADD, TESTS, "different test_failed"),
        ("import sys\ndef add(a, b): sys.exit(0)", TESTS, "different test_failed"),
        ("import os\ndef add(a, b): os._exit(0)", TESTS, "different test_failed"),
        ("def add(a, b): raise KeyboardInterrupt", TESTS, "different test_failed"),
        ("def add(a, b): return add(a, b)", TESTS, "different test_failed"),
        ("x = input()", "pass", "different test_failed"),
        ("\0", "pass", "different test_failed"),
        (ADD, "def check(:", "undecided invalid_gold"),
        ("1 / 0", "def check(:", "undecided invalid_gold"),
        (ADD, "assert add(1, 1)\0", "undecided invalid_gold"),
        (ADD, "# \ud800", "undecided invalid_gold"),
        (ADD, "x = " + "-" * 19000 + "1", "undecided invalid_gold"),
        (ADD, "assert add('ä', '€') == 'ä€'", "equal"),
        (ADD, UNITTEST, "equal"),
        (ADD.replace("+", "-"), UNITTEST, "different test_failed"),
        (ADD, UNITTEST.replace("()\n", "(exit=False)\nassert add(1, 1) == 3\n"), "different test_failed"),
        ("import sys\nadd = lambda *_: sys.exit(0)", UNITTEST, "different test_failed"),
        ("import sys\nadd = sys.exit", "assert add(0) == 1", "different test_failed"),
        ("def add(*_): raise SystemExit", "add()", "different test_failed"),
        ("import unittest\ndef add(*_): unittest.main()", "assert add(1, 2) == 3", "different test_failed"),
        (
            "def abs(x): return 0\ndef add(a, b): return 9",
            "assert abs(add(1, 2) - 3) < 1e-6",
            "different test_failed",
        ),
        (
            "def all(x): return True\ndef add(a, b): return 9",
            "assert all([add(1, 2) == 3])",
            "different test_failed",
        ),
        (
            "range = lambda *_: ()\ndef add(a, b): return 9",
            "for x in range(3): assert add(x, x) == 2 * x",
            "different test_failed",
        ),
        (
            "__builtins__ = {'abs': lambda x: 0}\nadd = lambda *_: 9",
            "assert abs(add(1, 2) - 3) < 1",
            "different test_failed",
        ),
        ("list = [5]\ndef first(): return list[0]", "assert first() == 5", "equal"),
        ("def sum(x): return 7", "assert sum([1, 2]) == 7", "equal"),
        ("def add(a, b): return [0] * 10**10", TESTS, "undecided memory"),
        (f"{ADD}\nif __name__ == '__main__':\n    done = True", "assert done", "equal"),
        ("print('equal\\n' * 1000)\n" + ADD, TESTS, "equal"),
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int' = 1",
            "assert P() == P(1)",
            "equal own_word",
        ),
        ("from __future__ import annotations\ndef f(x: Unknown): return x", "assert f(1) == 1", "equal"),
        ("import collections\nP = collections.namedtuple('P', 'x')", "assert P(1).x == 1", "equal"),
    ],
)
def test_verdicts(verifier: Verifier, answer: str, tests: str, expected: str) -> None:
    assert outcome(verifier, answer, tests) == expected


@pytest.mark.parametrize(
    "forgery",
    [
        WRITE_EVERYWHERE.format(r"b'equal\n'"),
        WRITE_EVERYWHERE.format(r"b'ran\nequal\n'") + "os._exit(0)",
        WRITE_EVERYWHERE.format("b'x' * 10000"),
        WRITE_EVERYWHERE.format(r"b'\xff\n'"),
        "import os\nos.closerange(0, 32)",
        REPLACED,
        "import sys\nsys.addaudithook(lambda event, _: event == 'exec' and globals().update(add=max, abs=min))",
        "from reward.programs import answer_process\ndef nothing(value): pass\n"
        "answer_process._plain.__code__ = nothing.__code__",
        "import atexit, os\natexit.register(print, 'equal')\nos.abort = None\nraise SystemExit",
        "import builtins\nbuiltins.exec = lambda *_: None\nbuiltins.compile = lambda *_, **__: 'pass'",
        "import sys\nsys.modules.clear()",
        "class Any:\n    def __eq__(self, other): return True\ndef sub(a, b): return Any()",
    ],
)
def test_clumsy_forgeries_do_not_pass(verifier: Verifier, forgery: str) -> None:
    assert not outcome(verifier, forgery, "assert add(1, 2) == 3").startswith("equal")
    assert outcome(verifier, ADD, TESTS) == "equal"


def test_no_frame_of_the_answers_process_shows_the_tests(verifier: Verifier) -> None:
    peek = f"{FRAMES}\nearly = seen()"
    assert (
        outcome(verifier, peek, "assert 'SEC' + 'RET' not in early + seen() and 'load' in early") == "equal"
    )


def test_who_reads_the_channel_finds_no_tests_there(hasty: Verifier) -> None:
    assert outcome(hasty, READ_THE_CHANNEL, "assert add(1, 2) == 3") != "equal"


@pytest.mark.parametrize("claim", ["undecided timeout", "undecided crashed", "equal", "different schema"])
def test_an_answer_does_not_choose_its_reason(verifier: Verifier, claim: str) -> None:
    late = f"def add(a, b):\n    {WRITE_EVERYWHERE.format(repr(f'{claim}{chr(10)}'.encode()))}".replace(
        "\n", "\n    "
    )
    timeouts = verifier.timeouts
    assert outcome(verifier, late, TESTS) == "different test_failed"
    assert verifier.timeouts == timeouts


def test_each_answer_runs_in_a_process_of_its_own_and_cannot_swap_builtins(verifier: Verifier) -> None:
    vandal = "import builtins\nbuiltins.sum = lambda _: 42\nassert sum([]) == 42\nx = 1"
    assert outcome(verifier, vandal, "assert sum([]) == 0 and x == 1") == "equal"
    vandal = "import json\njson.load = None\nx = 1"
    assert outcome(verifier, vandal, "import json\nassert json.load and x == 1") == "equal"
    assert outcome(verifier, "import json\nx = json.load", "assert callable(x)") == "equal"


def test_the_examples_above_are_what_they_claim() -> None:
    for text in (ADD, TESTS):
        ast.parse(text)
