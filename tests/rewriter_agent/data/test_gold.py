"""Golds that no answer can meet are refused when they are read, with the row and what to change."""

import json
from pathlib import Path
from typing import Any

import pytest

from reward import RewardConfig
from rewriter_agent.config.data import FileData
from rewriter_agent.data.gold import answer_in, contradicted, gold_fault
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.problem import Problem

DEFINES_ONLY = "def check(candidate):\n    assert candidate(1) == 2\n"
TEST_CASE = "import unittest\n\nclass Tests(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(f())\n"


@pytest.mark.parametrize(
    ("gold", "convention", "words"),
    [
        ("2", "choice", "place of a choice"),
        ("0", "choice", "place of a choice"),
        ("Paris", "choice", "no letter A-J"),
        ("{'a': 1}", "json", "double quotes"),
        ("[1, 2,]", "json", "no JSON"),
        ("True", "json", "no JSON"),
        ('{"a": 1, "a": 2}', "json", "comes twice"),
        (DEFINES_ONLY, "python", "check(name_of_the_asked_function)"),
        (TEST_CASE, "python", "run no assertion"),
        ("result = f(1)", "python", "run no assertion"),
        ("import math\nx = 1\n'text'", "python", "run no assertion"),
        ("if True:\n    pass", "python", "run no assertion"),
        ("assert f(1) = 2", "python", "no Python"),
        ("assert f(1) == 2\n  x", "python", "line 2"),
        ("x = " + "-" * 15_000 + "1", "python", "no Python"),
        ("assert f(\0)", "python", "no Python"),
        ("She sells 16 - 3 = <<16-3=13>>13 eggs.\n#### 13", "####", "whole solution"),
        ("She sells 13 eggs.\n#### 13", "boxed", "'13'"),
        (r"We add, so that $x = \boxed{5}$ holds.", "boxed", "'5'"),
        ("We add one and one and get two. " * 5 + "\nThe answer is 2.", "answer_is", "whole solution"),
        ("(!)", "contains", "nothing to compare"),
    ],
)
def test_gold_that_nothing_can_meet(gold: str, convention: str, words: str) -> None:
    assert words in (gold_fault(gold, convention) or "")


@pytest.mark.parametrize(
    ("gold", "convention"),
    [
        ("C", "choice"),
        ("(B)", "choice"),
        ('{"a": 1}', "json"),
        ('"text"', "json"),
        ("assert f(1) == 2", "python"),
        (DEFINES_ONLY + "check(f)", "python"),
        (TEST_CASE + "unittest.main()", "python"),
        (TEST_CASE + "if __name__ == '__main__':\n    unittest.main()", "python"),
        ("for i in range(3):\n    assert f(i) == i", "python"),
        ("try:\n    f(-1)\nexcept ValueError:\n    pass", "python"),
        ("with raises(ValueError):\n    f(-1)", "python"),
        ("18", "####"),
        ("5.", "answer_is"),
        ("3:30 p.m.", "answer_is"),
        (r"12 \text{ sq. units}", "plain"),
        (r"x = \boxed{5}", "boxed"),
        (r"\begin{pmatrix}" + "\n1 \\\\\n2\n" + r"\end{pmatrix}", "boxed"),
        ("Washington, D.C.", "text"),
        ("The U.S. Navy", "text"),
        ("Paris", "contains"),
        (r"\frac{1}{", "boxed"),
    ],
)
def test_gold_that_an_answer_can_meet(gold: str, convention: str) -> None:
    assert gold_fault(gold, convention) is None


def test_answer_in_a_whole_solution() -> None:
    assert answer_in("She sells 13 eggs.\n#### 13", "####") == "13"
    assert answer_in("13", "####") is None
    assert answer_in("x = 5", "boxed") is None


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def config(path: str, convention: str, **more: Any) -> FileData:
    columns = {"question": "question", "solution": "solution", "answer": "gold"}
    return FileData.model_validate(
        {"train": path, "test_size": 1, "convention": convention, "columns": columns, **more}
    )


def test_row_and_column_are_named(tmp_path: Path) -> None:
    rows = [
        {"question": f"Q{i}?", "solution": "So (C).", "gold": gold} for i, gold in enumerate(["C", "B", 2])
    ]
    path = write(tmp_path / "golds.jsonl", rows)
    with pytest.raises(
        ValueError, match=r"golds\.jsonl, line 3: column 'gold': '2' is the place of a choice"
    ):
        load_problems(config(path, "choice"))
    problems = load_problems(config(path, "choice", on_bad_row="skip"))
    assert problems.counts["train_bad_rows"] == 1
    assert "line 3" in problems.skipped[0]


def problem(name: str, solution: str, answer: str, convention: str = "####") -> Problem:
    return Problem(name, name, solution, answer, convention, "test")


def test_golds_that_the_solution_contradicts_are_found() -> None:
    program = "```python\ndef f(x):\n    return x + 1\n```"
    problems = [
        problem("same", "So.\n#### 18", "18"),
        problem("written otherwise", "So.\n#### 1/2", "0.5"),
        problem("harder", "So.\n#### \\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"),
        problem("other", "So.\n#### 18", "19"),
        problem("passes", program, "assert f(1) == 2", "python"),
        problem("fails", program, "assert f(1) == 3", "python"),
    ]
    assert [one.id for one in contradicted(problems, RewardConfig(max_verifiers=1))] == ["other", "fails"]
