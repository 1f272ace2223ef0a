"""The laboratory's retention tasks measured on a fleet."""

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.types import Completion, GenerateRequest
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.benchmarks import load_benchmark
from rewriter_agent.data.lab_world.drawing import story_items
from rewriter_agent.data.lab_world.skills import SKILLS, retention_items
from rewriter_agent.data.lab_world.splits import part_of
from rewriter_agent.evaluate import evaluator
from rewriter_agent.evaluate.lab_tasks import evaluate_lab_tasks
from rewriter_agent.evaluate.model_under_test import ModelUnderTest
from rewriter_agent.evaluate.presets import PromptFormat
from rewriter_agent.evaluate.result import PartResult, read_result
from rewriter_agent.io.progress import Progress
from rewriter_agent.lab.tokenizer import make_tokenizer
from rewriter_agent.runtime.run_folder import StageFolder

TOKENIZER = make_tokenizer(0)


class Scripted:
    """Answers the first half rightly, the next item rightly but without an end, and the rest wrongly."""

    asked: Sequence[GenerateRequest] = ()

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.asked = requests
        items = retention_items("sort", len(requests), 0)
        half = len(items) // 2
        assert items[0].prompt in TOKENIZER.decode(requests[0].prompt_ids)
        texts = [item.answer if place <= half else "no" for place, item in enumerate(items)]
        ids = [TOKENIZER.encode(text) for text in texts]
        return [Completion(row, [0.0] * len(row), place != half, 0) for place, row in enumerate(ids)]


def test_finished_and_exact_replies_count() -> None:
    config = EvaluateConfig(retention=["lab_sort"], retention_limit=10)
    (part,) = evaluate_lab_tasks(Scripted(), TOKENIZER, ["lab_sort"], config)  # ty: ignore[invalid-argument-type]
    assert part.name == "lab_sort"
    assert part.metrics["exact"] == 0.5
    assert list(part.scores["strict"].values()) == [1.0] * 5 + [0.0] * 5
    assert len(part.samples) == len(part.scores["strict"]) == 10


class Storyteller(Scripted):
    """Solves the first half, the next item without an end, and gives the bare answer to the rest."""

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        items = story_items(2, len(requests), 0)
        half = len(items) // 2
        assert items[0].prompt in TOKENIZER.decode(requests[0].prompt_ids)
        texts = [f"{'1 + 1 = 2.' * (place <= half)}\n#### {item.answer}" for place, item in enumerate(items)]
        texts[half + 1 :] = [item.answer for item in items[half + 1 :]]
        ids = [TOKENIZER.encode(text) for text in texts]
        return [Completion(row, [0.0] * len(row), place != half, 0) for place, row in enumerate(ids)]


def test_stories_are_solved_and_end_with_the_answer() -> None:
    config = EvaluateConfig(retention=["lab_stories_2"], retention_limit=10)
    (part,) = evaluate_lab_tasks(Storyteller(), TOKENIZER, config.retention, config)  # ty: ignore[invalid-argument-type]
    assert part.metrics["accuracy"] == 0.5
    assert list(part.scores["strict"].values()) == [1.0] * 5 + [0.0] * 5


def test_stories_have_their_number_of_steps_and_are_of_the_test_part() -> None:
    for steps in (1, 2, 3, 4):
        for item in story_items(steps, 20, 0):
            assert part_of(item.key) == "test"
            assert len(re.findall(r"\d+", item.prompt)) == steps + 1


def test_the_composed_lessons_are_a_benchmark() -> None:
    (known,) = EvaluateConfig(benchmarks=["lab_composed"]).benchmarks  # ty: ignore[invalid-argument-type]
    problems = load_benchmark(known, 0)
    assert len(problems) == 100
    assert {problem.convention for problem in problems} == {"####"}
    with pytest.raises(ValueError, match="limit=null takes all problems"):
        EvaluateConfig.model_validate({"benchmarks": [{"name": "lab_composed", "limit": None}]})


def test_a_system_prompt_comes_first() -> None:
    fleet = Scripted()
    evaluate_lab_tasks(fleet, TOKENIZER, ["lab_sort"], EvaluateConfig(retention_limit=2), "Be brief.")  # ty: ignore[invalid-argument-type]
    assert "system\nBe brief." in TOKENIZER.decode(fleet.asked[0].prompt_ids)


def test_the_shorthand_names_every_skill_once() -> None:
    config = EvaluateConfig(retention=["lab_sort", "sciq", "lab"])
    assert config.retention[:2] == ["lab_sort", "sciq"]
    assert sorted(config.retention[2:]) == sorted({f"lab_{skill}" for skill in SKILLS} - {"lab_sort"})
    assert EvaluateConfig.model_validate(config.model_dump()) == config
    stories = EvaluateConfig(retention=["lab_stories"]).retention
    assert stories == ["lab_stories_1", "lab_stories_2", "lab_stories_3", "lab_stories_4"]


def test_an_unknown_skill_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no task is called lab_chess; choose among .*lab_sort.*, lab"):
        EvaluateConfig(retention=["sciq", "lab_chess"])


def test_a_skill_needs_a_number_of_items() -> None:
    with pytest.raises(ValueError, match="retention_limit=null takes all items"):
        EvaluateConfig(retention=["lab"], retention_limit=None)


def test_each_task_goes_to_its_own_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {"strict": {"a": 1.0}}
    empty = PartResult("task", "accuracy", scores, 0.0, {}, [])
    monkeypatch.setattr(evaluator, "evaluate_retention", lambda lm, name, *_: replace(empty, name=name))
    monkeypatch.setattr(evaluator, "FleetLM", lambda *_: None)
    monkeypatch.setattr(evaluator, "answers", lambda *_: [])
    monkeypatch.setattr(evaluator, "grade", lambda *_: empty)
    config = EvaluateConfig(retention=["sciq", "lab_sort"], retention_limit=4, own_answers=0)
    told = io.StringIO()
    evaluator.evaluate_model(
        ModelUnderTest(Scripted, lambda: None),  # ty: ignore[invalid-argument-type]
        PromptFormat(TOKENIZER, "chat"),
        [],
        config,
        lambda *_: [],
        tmp_path,
        Progress("e", told),
        StageFolder(tmp_path),
    )
    result = read_result(tmp_path / "result.json")
    assert [(part.name, part.metric) for part in result.retention] == [
        ("sciq", "accuracy"),
        ("lab_sort", "exact"),
    ]
    assert "3/3 parts measured | lab_sort: exact 50.0% of 4" in told.getvalue().splitlines()[2]
