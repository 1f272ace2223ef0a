"""Task accuracy, and evaluation that goes on where it was ended."""

import pytest
from local_fleet import LocalFleet, ScriptedFleet, make_model, make_tokenizer

from cluster.types import Completion
from reward import Check, Grade, Verdict
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.evaluate.model import evaluate_model
from rewriter_agent.evaluate.result import read_result
from rewriter_agent.evaluate.task import evaluate_task, summarise_task

TEXTS = ["3 and 4.\n#### 7", "I say 7", "#### 8", "no idea"]
CONFIG = EvaluateConfig(max_completion_length=24, retention=["arc_easy"], retention_limit=4)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture
def fleet(tokenizer):
    local = LocalFleet(make_model(len(tokenizer)), tokenizer.eos_token_id, max_model_len=512)
    ids = [tokenizer.encode(text) for text in TEXTS]
    finished = [Completion([*i, tokenizer.eos_token_id], [0.0] * (len(i) + 1), True, 0) for i in ids[:3]]
    return ScriptedFleet(local, [*finished, Completion(ids[3], [0.0] * len(ids[3]), False, 0)])


@pytest.fixture
def problems():
    return [Problem(f"p{i}", f"Tom has {i} apples.", "#### 7", "7", "####", "test") for i in range(4)]


def verify(checks: list[Check]) -> list[Grade]:
    return [Grade(Verdict.EQUAL if c.gold == c.answer else Verdict.DIFFERENT) for c in checks]


def test_answers_are_judged_strictly_and_leniently(fleet, tokenizer, problems):
    answers = evaluate_task(fleet, tokenizer, problems, CONFIG, verify)
    assert [a.id for a in answers] == ["p0", "p1", "p2", "p3"]
    assert [a.answer for a in answers] == ["7", None, "8", None]
    assert [a.correct for a in answers] == [True, False, False, False]
    assert [a.correct_lenient for a in answers] == [True, True, False, False]
    assert [a.finished for a in answers] == [True, True, True, False]
    assert [a.text for a in answers] == TEXTS
    assert answers[3].length == len(tokenizer.encode(TEXTS[3]))


def test_a_check_has_the_gold_answer_and_the_convention(fleet, tokenizer, problems):
    seen: list[Check] = []
    evaluate_task(fleet, tokenizer, problems, CONFIG, lambda checks: seen.extend(checks) or verify(checks))
    assert {check.gold for check in seen} == {"7"}
    assert Check("7", "8", "####") in seen


def test_the_prompt_is_the_chat_template_of_the_question(fleet, tokenizer, problems):
    evaluate_task(fleet, tokenizer, problems, CONFIG, verify, system_prompt="Be brief.")
    prompt = tokenizer.decode(fleet.asked[0].prompt_ids)
    assert prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nTom has 0 apples.")
    assert prompt.endswith("#### answer<|im_end|>\n<|im_start|>assistant\n")
    assert {(r.temperature, r.max_tokens) for r in fleet.asked} == {(0.0, 24)}


def test_summary_has_accuracies_with_standard_errors(fleet, tokenizer, problems):
    part = summarise_task(evaluate_task(fleet, tokenizer, problems, CONFIG, verify))
    assert part.metrics["accuracy"] == 0.25
    assert part.metrics["accuracy_stderr"] == pytest.approx(0.25)
    assert part.metrics["accuracy_lenient"] == 0.5
    assert part.metrics["finished"] == 0.75
    assert part.correct == {"p0": True, "p1": False, "p2": False, "p3": False}


def test_an_ended_evaluation_goes_on(fleet, tokenizer, problems, tmp_path):
    lines: list[str] = []
    arguments = (fleet, tokenizer, problems, CONFIG, verify, tmp_path / "out", lines.append)
    evaluate_model(*arguments)
    before = read_result(tmp_path / "out" / "result.json")
    (tmp_path / "out" / "result.json").unlink()
    (tmp_path / "out" / "task.json").unlink()
    asked, scored = len(fleet.asked), len(fleet.scored)
    evaluate_model(*arguments)
    assert len(fleet.asked) == asked + len(problems)
    assert len(fleet.scored) == scored
    assert read_result(tmp_path / "out" / "result.json") == before
    assert lines[:2] == lines[2:]
    assert "task: accuracy 25.0% of 4" in lines


def test_result_has_the_task_and_every_retention_task(fleet, tokenizer, problems, tmp_path):
    evaluate_model(fleet, tokenizer, problems, CONFIG, verify, tmp_path, lambda _: None)
    result = read_result(tmp_path / "result.json")
    assert result.task.metrics["accuracy"] == 0.25
    assert [part.name for part in result.retention] == ["arc_easy"]
    assert len(result.retention[0].correct) == 4
    assert [path.name for path in tmp_path.glob(".*")] == []
