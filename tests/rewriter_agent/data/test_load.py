"""Loading problems from files and data sets."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from rewriter_agent.config.data import Columns, FileData, HubData
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.problem import problem_id

GSM8K = Columns(question="question", solution="answer")


def row(question: str, answer: object = 5) -> dict[str, Any]:
    return {"question": question, "solution": f"We count to {answer}.\n#### {answer}"}


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in rows))
    return str(path)


@pytest.fixture
def test_file(tmp_path: Path) -> str:
    return write(tmp_path / "test.jsonl", row("test?"))


def test_toy_problems_load(toy_problems: Path) -> None:
    config = FileData(train=str(toy_problems / "train.jsonl"), test=str(toy_problems / "test.jsonl"))
    problems = load_problems(config)
    assert len(problems.train) == 60
    assert len(problems.test) == 20
    first = problems.train[0]
    assert first.solution.endswith(f"#### {first.answer}")
    assert first.id == problem_id(first.question)
    again = load_problems(config)
    assert (list(again.train), list(again.test)) == (list(problems.train), list(problems.test))


def test_a_question_is_kept_character_for_character(tmp_path: Path) -> None:
    questions = ["  How many?\r\n\tSay. \n", "{{ it }} <|im_end|>\n"]
    again = "How many? Say."  # Questions that differ in spacing only are equal.
    path = write(tmp_path / "train.jsonl", *(row(text) for text in [*questions, again]))
    problems = load_problems(FileData(train=path, test_size=1))
    assert sorted(p.question for p in (*problems.train, *problems.test)) == sorted(questions)


def test_gsm8k_marks_and_separators_go(tmp_path: Path) -> None:
    worked = "It is 2*600=<<2*600=1200>>1200 dollars.\n#### 1,234,200"
    train = write(tmp_path / "train.jsonl", {"question": "How much?", "answer": worked})
    test = write(tmp_path / "test.jsonl", {"question": "And now?", "answer": "#### 7"})
    problem = load_problems(FileData(train=train, test=test, columns=GSM8K)).train[0]
    assert problem.solution == "It is 2*600=1200 dollars.\n#### 1,234,200"
    assert problem.answer == "1234200"


@pytest.mark.parametrize(
    ("convention", "solution", "answer"),
    [
        ("boxed", r"So \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("plain", "Add them.\nThe answer is 12.", "12"),
        ("choice", "It floats.\nThe answer is (B).", "B"),
        ("answer_is", "Add them. The answer is 12.", "12"),
        ("text", "It is big.\nThe answer is the blue whale.", "the blue whale"),
        ("json", 'So:\n```json\n{"a": 1}\n```', '{"a": 1}'),
        ("reference", "Keep it cold. <!-- not shown -->", "Keep it cold."),
    ],
)
def test_answers_follow_the_convention(tmp_path: Path, convention: Any, solution: str, answer: str) -> None:
    train = write(tmp_path / "train.jsonl", {"question": "q1", "solution": solution})
    test = write(tmp_path / "test.jsonl", {"question": "q2", "solution": solution})
    config = FileData(train=train, test=test, convention=convention)
    assert load_problems(config).train[0].answer == answer


def test_answer_column_wins_and_completes_the_solution(tmp_path: Path) -> None:
    bare = {"question": "q1", "solution": "Two and two.", "gold": 4}
    ended = {"question": "q2", "solution": "Half.\n#### 1/2", "gold": "0.5"}
    path = write(tmp_path / "train.jsonl", bare, ended)
    config = FileData(train=path, test_size=1, columns=Columns(answer="gold"))
    loaded = load_problems(config)
    by_question = {problem.question: problem for problem in (*loaded.train, *loaded.test)}
    assert by_question["q1"].solution == "Two and two.\n#### 4"
    assert by_question["q1"].answer == "4"
    assert by_question["q2"].solution == "Half.\n#### 1/2"
    assert by_question["q2"].answer == "0.5"


def test_under_contains_a_solution_need_not_mark_the_answer_but_must_have_it(tmp_path: Path) -> None:
    said = {"question": "q1", "solution": "It is the blue whale.", "gold": "blue whale"}
    silent = {"question": "q2", "solution": "It is big.", "gold": "blue whale"}
    path = write(tmp_path / "train.jsonl", said, silent)
    config = FileData(train=path, test_size=1, columns=Columns(answer="gold"), convention="contains")
    loaded = load_problems(config)
    solutions = {problem.question: problem.solution for problem in (*loaded.train, *loaded.test)}
    assert solutions == {"q1": "It is the blue whale.", "q2": "It is big.\nblue whale"}


def test_a_program_keeps_its_tests_as_the_answer(tmp_path: Path) -> None:
    good = {"question": "q1", "solution": "So:\n```python\nx = 1\n```", "tests": "assert x == 1"}
    config = FileData(
        train=write(tmp_path / "train.jsonl", good),
        test=write(tmp_path / "test.jsonl", good | {"question": "q2"}),
        columns=Columns(answer="tests"),
        convention="python",
    )
    problem = load_problems(config).train[0]
    assert (problem.solution, problem.answer) == (good["solution"], good["tests"])
    write(tmp_path / "train.jsonl", good | {"solution": "No program here\nat all."})
    with pytest.raises(ValueError, match="column 'solution' states no answer in the convention 'python'"):
        load_problems(config)


BAD_ROWS = {
    "missing column": ({"solution": "#### 5"}, "'question' is missing"),
    "empty question": ({"question": " ", "solution": "#### 5"}, "'question' is empty"),
    "wrong type": ({"question": 3, "solution": "#### 5"}, "'question' holds a int"),
    "no value": ({"question": None, "solution": "#### 5"}, "'question' holds a NoneType"),
    "no answer": ({"question": "q", "solution": "five"}, "'solution' states no answer"),
    "not an object": (["q", "#### 5"], "the row is a list"),
    "not JSON": ('{"question": "q', "not JSON"),
    "half a character": ('{"question": "\\ud83d", "solution": "#### 5"}', "unpaired surrogate"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_bad_row_is_named(tmp_path: Path, test_file: str, bad: object, reason: str) -> None:
    path = write(tmp_path / "train.jsonl", row("good?"), "", bad)
    with pytest.raises(ValueError, match=r"train\.jsonl, line 3: .*" + reason) as caught:
        load_problems(FileData(train=path, test=test_file))
    assert "on_bad_row=skip" in str(caught.value)
    loaded = load_problems(FileData(train=path, test=test_file, on_bad_row="skip"))
    assert [problem.question for problem in loaded.train] == ["good?"]
    assert loaded.counts["train_bad_rows"] == 1
    assert loaded.counts["train_rows"] == 2


def test_line_that_is_not_utf8_is_named(tmp_path: Path, test_file: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"question": "caf\xe9", "solution": "#### 5"}\n')
    with pytest.raises(ValueError, match="line 1: the line is not UTF-8"):
        load_problems(FileData(train=str(path), test=test_file))


@pytest.mark.parametrize("gold", [True, float("nan"), [4]])
def test_bad_answer_column(tmp_path: Path, test_file: str, gold: object) -> None:
    path = write(tmp_path / "train.jsonl", row("q") | {"gold": gold})
    with pytest.raises(ValueError, match="column 'gold' holds"):
        load_problems(FileData(train=path, test=test_file, columns=Columns(answer="gold")))


def test_duplicates_and_overlap_are_dropped(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", row("A  cat?"), row("a cat?", 6), row("Shared?"), row("b?"))
    test = write(tmp_path / "test.jsonl", row("shared? "), row("SHARED?"), row("t?"))
    loaded = load_problems(FileData(train=train, test=test))
    assert [problem.question for problem in loaded.train] == ["A  cat?", "b?"]
    assert [problem.question for problem in loaded.test] == ["shared? ", "t?"]
    assert loaded.counts["train_duplicates"] == 1
    assert loaded.counts["test_duplicates"] == 1
    assert loaded.counts["overlap"] == 1


def test_split_is_disjoint_and_follows_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", *(row(f"q{i}") for i in range(50)))
    first, again, other = (load_problems(FileData(train=path, test_size=10, seed=s)) for s in (0, 0, 1))
    assert (list(first.train), list(first.test)) == (list(again.train), list(again.test))
    assert list(first.test) != list(other.test)
    assert len(first.test) == 10
    assert {p.id for p in first.train} | {p.id for p in first.test} == {
        problem_id(f"q{i}") for i in range(50)
    }


def test_larger_cap_keeps_the_smaller_draw(tmp_path: Path, test_file: str) -> None:
    path = write(tmp_path / "train.jsonl", *(row(f"q{i}") for i in range(50)))
    small, large = (load_problems(FileData(train=path, test=test_file, num_train=n)).train for n in (5, 20))
    assert len(small) == 5
    assert len(large) == 20
    assert set(small) < set(large)


def test_test_size_larger_than_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", row("q"))
    with pytest.raises(ValueError, match=r"data\.test_size is 200"):
        load_problems(FileData(train=path))


@pytest.mark.parametrize("name", ["nowhere.jsonl", "data.tsv"])
def test_unusable_file_is_named_with_its_key(tmp_path: Path, test_file: str, name: str) -> None:
    (tmp_path / "data.tsv").write_text("question\tsolution\n")
    with pytest.raises(ValueError, match=r"data\.train: .*" + name):
        load_problems(FileData(train=str(tmp_path / name), test=test_file))


def test_nothing_left(tmp_path: Path, test_file: str) -> None:
    train = write(tmp_path / "train.jsonl", row("test?"))
    with pytest.raises(ValueError, match="0 training and 1 test problems"):
        load_problems(FileData(train=train, test=test_file))


def test_parquet_gives_the_same_problems(tmp_path: Path, test_file: str) -> None:
    rows = [row(f"q{i}") for i in range(5)]
    path = tmp_path / "train.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    from_lines = load_problems(FileData(train=write(tmp_path / "train.jsonl", *rows), test=test_file)).train
    from_table = load_problems(FileData(train=str(path), test=test_file)).train
    assert [problem.id for problem in from_table] == [problem.id for problem in from_lines]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([*rows, {"question": None, "solution": "x"}]), path)
    with pytest.raises(ValueError, match=r"train\.parquet, row 6: column 'question' holds a NoneType"):
        load_problems(FileData(train=str(path), test=test_file))


def test_hub_loads_a_data_set_by_name(toy_problems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", toy_problems / "cache")
    loaded = load_problems(HubData(name=str(toy_problems), num_train=7))
    assert len(loaded.train) == 7
    assert len(loaded.test) == 20
    with pytest.raises(ValueError, match="validation"):
        load_problems(HubData(name=str(toy_problems), test_split="validation"))
