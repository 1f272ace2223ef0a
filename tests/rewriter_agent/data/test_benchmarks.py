"""Benchmarks by name, from files and from the hub."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from rewriter_agent.config import make_config
from rewriter_agent.config.benchmarks import KNOWN, LAB_COMPOSED, Benchmark
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.benchmarks import load_benchmark

ROWS: dict[str, list[dict[str, Any]]] = {
    "HuggingFaceH4/MATH-500": [
        {
            "problem": "Add $1$ and $\\frac{1}{2}$.",
            "answer": "\\frac{3}{2}",
            "level": 2,
            "subject": "Algebra",
        },
        {"problem": "Twice $3$?", "answer": "6", "level": 1, "subject": "Prealgebra"},
    ],
    "math-ai/minervamath": [
        {"question": "How far?", "answer": "3 m"},
        {"question": "How long?", "answer": "2 s"},
    ],
    "Hothan/OlympiadBench": [
        {"question": "Find x.", "final_answer": ["$4$"], "subfield": "Number Theory"},
        {"question": "Find x, y.", "final_answer": ["$1$", "2"], "subfield": "Algebra"},
    ],
    "HuggingFaceH4/aime_2024": [
        {"problem": "Find n.", "answer": "204"},
        {"problem": "Find m.", "answer": "025"},
    ],
    "math-ai/amc23": [{"question": "Find k.", "answer": 27.0}, {"question": "Find l.", "answer": 36.0}],
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Stands for the hub, which cannot be reached from a test: rows with the columns of the real data sets."""
    asked: list[tuple[object, ...]] = []

    def load(name: str, subset: str | None, split: str) -> list[dict[str, Any]]:
        asked.append((name, subset, split))
        return datasets.Dataset.from_list(ROWS[name])

    monkeypatch.setattr(datasets, "load_dataset", load)
    return asked


@pytest.mark.parametrize("path", [path for path in KNOWN if path != LAB_COMPOSED])
def test_the_papers_benchmarks_are_known_by_both_names(path: str, hub: list[tuple[object, ...]]) -> None:
    by_path, by_name = (
        EvaluateConfig(benchmarks=[name]).benchmarks[0] for name in (path, KNOWN[path]["name"])
    )  # ty: ignore[invalid-argument-type]
    assert by_path == by_name
    assert by_path.path == path
    problems = load_benchmark(by_path, seed=0)
    assert len(problems) == 2
    assert {problem.convention for problem in problems} == {"boxed"}
    assert hub == [(path, by_path.subset, by_path.split)]


def test_levels_subjects_and_several_answers_are_read(hub: list[tuple[object, ...]]) -> None:
    del hub
    config = EvaluateConfig(benchmarks=["MATH-500", "OlympiadBench"])  # ty: ignore[invalid-argument-type]
    math, olympiad = (load_benchmark(benchmark, 0) for benchmark in config.benchmarks)
    assert [(p.level, p.source, p.answer) for p in math] == [
        ("2", "Algebra", "\\frac{3}{2}"),
        ("1", "Prealgebra", "6"),
    ]
    assert [p.answer for p in olympiad] == ["4", "1, 2"]


def test_a_file_of_ones_own_and_a_local_copy(tmp_path: Path) -> None:
    file = tmp_path / "copy.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS["HuggingFaceH4/aime_2024"] * 2))
    copy = Benchmark.model_validate({"name": "AIME24", "path": str(file)})
    assert (copy.question, copy.split) == ("problem", "train")
    assert [p.answer for p in load_benchmark(copy, 0)] == ["204", "025"]
    with pytest.raises(
        ValueError, match=r"line 1: column 'question' is missing .*evaluate\.benchmarks, mine"
    ):
        load_benchmark(Benchmark.model_validate({"name": "mine", "path": str(file)}), 0)


def test_a_limit_draws_the_same_problems_and_more(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({"question": f"{i}?", "answer": i}) + "\n" for i in range(20)))
    few, more = (load_benchmark(Benchmark(name="many", path=str(file), limit=limit), 0) for limit in (5, 9))
    assert (len(few), len(more)) == (5, 9)
    assert {p.id for p in few} < {p.id for p in more}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["AIME25"], "no benchmark is called AIME25; known are MATH-500, .*path: file or Hugging Face name"),
        (["AIME24", "HuggingFaceH4/aime_2024"], "benchmarks share the name AIME24"),
        ([{"name": "mine"}], "benchmarks.0.path"),
        ([{"name": "AIME24", "questoin": "q"}], "did you mean 'question'"),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(given: Any, message: str) -> None:
    tree = {"name": "r", "model": {}, "data": {"source": "lab"}, "evaluate": {"benchmarks": given}}
    with pytest.raises(ValueError, match=message):
        make_config(tree)


def test_a_benchmark_that_cannot_be_reached_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach 'math-ai/amc23' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    config = EvaluateConfig(benchmarks=["AMC23"])  # ty: ignore[invalid-argument-type]
    with pytest.raises(
        ValueError, match=r"evaluate\.benchmarks, AMC23: the data set 'math-ai/amc23' cannot be"
    ):
        load_benchmark(config.benchmarks[0], 0)
