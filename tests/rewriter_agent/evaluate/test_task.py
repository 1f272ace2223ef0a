"""Answers to problems, sampled once and graded as often as wanted, and evaluation that resumes."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pytest
from transformers import PreTrainedTokenizerFast

from cluster.types import Completion
from reward import Check, Grade, RewardConfig, Verdict, Verifier
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.evaluate.answers import Answer, answers
from rewriter_agent.evaluate.evaluator import evaluate_model, forget_grades
from rewriter_agent.evaluate.majority import votes
from rewriter_agent.evaluate.model_under_test import ModelUnderTest
from rewriter_agent.evaluate.presets import PRESETS, PromptFormat
from rewriter_agent.evaluate.result import PartResult, read_result
from rewriter_agent.evaluate.task import grade
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.run_folder import StageFolder
from tests.helpers.local_fleet import LocalFleet, ScriptedFleet, make_model, make_tokenizer

GENERAL = ["Name a colour.", "Name a town.", "Name a river."]
TEXTS = ["3 and 4.\n#### 7", "I say 7", "#### 8", "no idea"]
CONFIG = EvaluateConfig(max_completion_length=24, retention=["arc_easy"], retention_limit=4, own_answers=0)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture
def prompt_format(tokenizer: PreTrainedTokenizerFast) -> PromptFormat:
    return PromptFormat(tokenizer, "chat")


@pytest.fixture(scope="module")
def local(tokenizer: PreTrainedTokenizerFast) -> LocalFleet:
    return LocalFleet(make_model(len(tokenizer)), tokenizer.eos_token_id, max_model_len=512)


@pytest.fixture
def fleet(tokenizer: PreTrainedTokenizerFast, local: LocalFleet) -> ScriptedFleet:
    return scripted(local, tokenizer, TEXTS, cut={"no idea"})


def scripted(
    local: LocalFleet, tokenizer: PreTrainedTokenizerFast, texts: list[str], cut: set[str] = frozenset()
) -> ScriptedFleet:
    """Answers with these texts in turn; those in `cut` do not end."""

    def completion(text: str) -> Completion:
        ids = tokenizer.encode(text) + ([] if text in cut else [tokenizer.eos_token_id])
        return Completion(ids, [0.0] * len(ids), text not in cut, 0)

    return ScriptedFleet(local, [completion(text) for text in texts])


def problems(count: int = 4, **fields: Any) -> list[Problem]:
    first = Problem("p0", "Tom has 0 apples.", "#### 7", "7", "####", "test", **fields)
    return [replace(first, id=f"p{i}", question=f"Tom has {i} apples.") for i in range(count)]


def verify(checks: list[Check]) -> list[Grade]:
    """Numbers are equal as numbers, which makes `8` and `8.0` one answer."""
    return [Grade(Verdict.EQUAL if float(c.gold) == float(c.answer) else Verdict.DIFFERENT) for c in checks]


def ask(fleet: LocalFleet, prompt_format: PromptFormat, folder: Path, **config: Any) -> list[Answer]:
    settings = CONFIG.model_copy(update=config)
    return answers(lambda: fleet, prompt_format, problems(), settings, folder)  # ty: ignore[invalid-return-type]


def graded(prompt_format: PromptFormat, found: list[Answer], **fields: Any) -> PartResult:
    return grade("task", problems(**fields), found, prompt_format, verify, "test problems")


def test_answers_are_graded_strictly_and_leniently(
    fleet: LocalFleet, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    part = graded(prompt_format, ask(fleet, prompt_format, tmp_path))
    assert part.scores["strict"] == {"p0": 1.0, "p1": 0.0, "p2": 0.0, "p3": 0.0}
    assert part.scores["lenient"] == {"p0": 1.0, "p1": 1.0, "p2": 0.0, "p3": 0.0}
    assert [sample["answer"] for sample in part.samples] == ["7", None, "8", None]
    assert [sample["text"] for sample in part.samples] == TEXTS
    assert part.metrics["accuracy"] == 0.25
    assert part.metrics["accuracy_stderr"] == pytest.approx(0.25)
    assert part.metrics["accuracy_lenient"] == 0.5
    assert part.metrics["finished"] == 0.75


def test_a_check_has_the_gold_answer_and_the_convention(
    fleet: LocalFleet, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    seen: list[Check] = []
    found = ask(fleet, prompt_format, tmp_path)
    grade(
        "task", problems(), found, prompt_format, lambda checks: seen.extend(checks) or verify(checks), "test"
    )
    assert {check.gold for check in seen} == {"7"}
    assert Check("7", "8", "####") in seen


def test_the_prompt_is_the_chat_template_of_the_question(
    fleet: ScriptedFleet, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    ask(fleet, PromptFormat(tokenizer, "chat", system_prompt="Be brief."), tmp_path)
    prompt = tokenizer.decode(fleet.asked[0].prompt_ids)
    assert prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nTom has 0 apples.")
    assert prompt.endswith("#### answer<|im_end|>\n<|im_start|>assistant\n")
    assert {(r.temperature, r.max_tokens) for r in fleet.asked} == {(0.0, 24)}


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        (
            "qwen-boxed",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nTom has 0 apples.\nPlease "
            "reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "deepseek-math",
            "User: Tom has 0 apples.\nPlease reason step by step, and put your final answer within \\boxed{}.\n\n"
            "Assistant:",
        ),
        (
            "llama-base-boxed",
            "Question: Tom has 0 apples.\nPlease reason step by step, and put your final answer within \\boxed{}.\n"
            "Answer:",
        ),
    ],
)
def test_a_preset_asks_in_its_words_for_a_boxed_answer(
    name: Any, prompt: str, local: LocalFleet, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    stop = PRESETS[name].stops[0]
    fleet = scripted(
        local, tokenizer, ["It is \\boxed{7}.", f"\\boxed{{7}}{stop} More?\n\\boxed{{9}}", "#### 7", ""]
    )
    prompt_format = PromptFormat(tokenizer, name)
    found = ask(fleet, prompt_format, tmp_path)
    assert tokenizer.decode(fleet.asked[0].prompt_ids) == prompt
    part = graded(prompt_format, found)
    assert list(part.scores["strict"].values()) == [1.0, 1.0, 0.0, 0.0]
    assert list(part.scores["lenient"].values()) == [1.0, 1.0, 1.0, 0.0]
    assert (found[1].text, found[1].finished) == ("\\boxed{7}", True)
    assert found[0].text == "It is \\boxed{7}."


def test_sampled_answers_are_estimated_without_bias(
    local: LocalFleet, tokenizer: PreTrainedTokenizerFast, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    greedy = "#### 7"
    sampled = ["#### 7", "#### 8", "#### 8.0", "so 7"]
    fleet = scripted(local, tokenizer, [greedy, *sampled])
    found = ask(fleet, prompt_format, tmp_path, num_samples=4, temperature=0.6)
    assert [r.temperature for r in fleet.asked[:5]] == [0.0, 0.6, 0.6, 0.6, 0.6]
    assert len({r.seed for r in fleet.asked if r.temperature}) == 16
    part = graded(prompt_format, found)
    assert part.scores["strict"]["p0"] == 1.0
    assert part.scores["avg@4"]["p0"] == 0.25
    assert part.scores["avg@4 lenient"]["p0"] == 0.5
    assert [part.scores[f"pass@{k}"]["p0"] for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    # 8 and 8.0 are one answer, which wins; one answer in four is none under the convention.
    assert part.scores["maj@4"]["p0"] == 0.0
    assert part.scores["maj@1"]["p0"] == 0.25
    # Of the six pairs: 7 with each 8 ties, 7 with none wins.
    assert part.scores["maj@2"]["p0"] == pytest.approx((0.5 + 0.5 + 1.0) / 6)


def test_votes_are_classes_of_equal_answers() -> None:
    drawn = votes(
        ["####"], [["7", "8", "8.0", None, "9", "8"]], [[True, False, False, False, False, False]], verify
    )
    assert drawn == [[0, 1, 1, None, 2, 1]]


def test_scores_are_broken_down_by_level_and_source(
    fleet: LocalFleet, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    found = ask(fleet, prompt_format, tmp_path)
    levelled = [replace(p, level=str(i // 2), source="one") for i, p in enumerate(problems())]
    part = grade("task", levelled, found, prompt_format, verify, "test problems")
    assert part.groups == {"level": {"p0": "0", "p1": "0", "p2": "1", "p3": "1"}}


def test_empty_and_endless_answers_and_prompts_without_room_are_recorded(
    local: LocalFleet, tokenizer: PreTrainedTokenizerFast, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    fleet = scripted(local, tokenizer, ["", "on and on", "#### 7"], cut={"on and on"})
    asked = problems()
    asked[3] = replace(asked[3], question="Tom " * 600)
    found = answers(lambda: fleet, prompt_format, asked, CONFIG, tmp_path)  # ty: ignore[invalid-argument-type]
    assert [(a.text, a.finished) for a in found] == [
        ("", True),
        ("on and on", False),
        ("#### 7", True),
        ("", False),
    ]
    part = grade("task", asked, found, prompt_format, verify, "test problems")
    assert part.metrics["empty"] == part.metrics["finished"] == 0.5
    assert part.metrics["accuracy"] == 0.25


def evaluate(
    fleet: LocalFleet,
    prompt_format: PromptFormat,
    output: Path,
    stream: TextIO | None = None,
    **config: Any,
) -> None:
    settings = CONFIG.model_copy(update=config)
    subject = ModelUnderTest(lambda: fleet, lambda: None)  # ty: ignore[invalid-argument-type]
    evaluate_model(
        subject,
        prompt_format,
        problems(),
        settings,
        verify,
        output,
        Progress("e", stream),
        StageFolder(output),
        GENERAL,
    )


def test_an_ended_evaluation_goes_on(
    fleet: ScriptedFleet, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    told = io.StringIO()
    evaluate(fleet, prompt_format, tmp_path / "out", told)
    before = read_result(tmp_path / "out" / "result.json")
    (tmp_path / "out" / "result.json").unlink()
    (tmp_path / "out" / "arc_easy.json").unlink()
    asked, scored = len(fleet.asked), len(fleet.scored)
    evaluate(fleet, prompt_format, tmp_path / "out", told)
    assert len(fleet.asked) == asked
    assert len(fleet.scored) == 2 * scored
    assert read_result(tmp_path / "out" / "result.json") == before
    lines = [line.partition("] ")[2].partition(" | about")[0] for line in told.getvalue().splitlines()]
    assert lines == [
        "4/4 problems answered: task",
        "1/2 parts measured | task: accuracy 25.0% of 4",
        lines[2],
        "1/2 parts measured | task: accuracy 25.0% of 4",
        lines[2],
    ]
    assert lines[2].startswith("2/2 parts measured | arc_easy: acc,none ")


def test_regrading_asks_no_model(fleet: ScriptedFleet, prompt_format: PromptFormat, tmp_path: Path) -> None:
    evaluate(fleet, prompt_format, tmp_path)
    before = read_result(tmp_path / "result.json")
    forget_grades(tmp_path, CONFIG)
    asked = len(fleet.asked), len(fleet.scored)

    def serve() -> LocalFleet:
        raise AssertionError("no engine is needed")

    evaluate_model(
        ModelUnderTest(serve, lambda: None),  # ty: ignore[invalid-argument-type]
        prompt_format,
        problems(),
        CONFIG,
        lambda checks: [Grade(Verdict.EQUAL)] * len(checks),
        tmp_path,
        Progress("e"),
        StageFolder(tmp_path),
    )
    after = read_result(tmp_path / "result.json")
    assert (len(fleet.asked), len(fleet.scored)) == asked
    assert before.task.metrics["accuracy"] == 0.25
    assert after.task.metrics["accuracy"] == 0.5
    assert after.retention == before.retention


def test_result_has_the_task_and_every_retention_task(
    fleet: ScriptedFleet, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    evaluate(fleet, prompt_format, tmp_path)
    result = read_result(tmp_path / "result.json")
    assert result.task.metrics["accuracy"] == 0.25
    assert [part.name for part in result.retention] == ["arc_easy"]
    assert len(result.retention[0].scores["strict"]) == 4
    assert result.drift is result.general_drift is None
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_drift_of_the_backbone_from_itself_is_nothing(
    local: LocalFleet, prompt_format: PromptFormat, tmp_path: Path
) -> None:
    evaluate(local, prompt_format, tmp_path / "base", own_answers=3, general_answers=2)
    result = read_result(tmp_path / "base" / "result.json")
    drift, away = result.drift, result.general_drift
    assert drift is not None
    assert away is not None
    assert drift.logprobs == pytest.approx(drift.backbone_logprobs, abs=1e-3)
    assert away.logprobs == pytest.approx(away.backbone_logprobs, abs=1e-3)
    assert (list(drift.tokens), list(away.tokens)) == (["p0", "p1", "p2"], ["general-0", "general-1"])
    base = StageFolder(tmp_path / "base")
    other = LocalFleet(
        make_model(len(prompt_format.tokenizer), seed=1), local.eos_token_id, max_model_len=512
    )
    subject = ModelUnderTest(lambda: other, lambda: None)  # ty: ignore[invalid-argument-type]
    config = CONFIG.model_copy(update={"own_answers": 3, "general_answers": 2})
    output, told = tmp_path / "other", Progress("e")
    evaluate_model(subject, prompt_format, problems(), config, verify, output, told, base, GENERAL)
    found = read_result(output / "result.json")
    for moved, before in ((found.drift, drift), (found.general_drift, away)):
        assert moved is not None
        assert moved.backbone_logprobs == before.backbone_logprobs
        assert all(moved.logprobs[name] < before.logprobs[name] - 0.1 for name in before.logprobs)


def test_replies_are_graded_against_the_reference() -> None:
    text = "Keep it in the fridge for 3 days, do not freeze it."
    asked = [Problem(f"p{i}", f"How do I keep {i}?", text, text, "reference", "test") for i in range(2)]
    replies = ["In the fridge, 3 days; don't freeze it, keep it there.", "Freeze it.", text, "4 days"] * 2
    found = [Answer(asked[i // 4].id, i % 4, reply, 5, True) for i, reply in enumerate(replies)]
    with Verifier(RewardConfig()) as verifier:
        part = grade("task", asked, found, PromptFormat(None, "chat"), verifier.verify, "test")  # ty: ignore
    assert part.scores["strict"] == part.scores["lenient"] == {"p0": 1.0, "p1": 1.0}
    assert part.scores["avg@3"]["p0"] == pytest.approx(1 / 3)
    assert part.scores["pass@2"]["p0"] == pytest.approx(2 / 3)
    assert not [name for name in part.scores if name.startswith("maj")]
    assert part.metrics["mean_length"] == 5
