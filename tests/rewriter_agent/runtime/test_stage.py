"""Stages: completeness, dependencies, and handling of results of other inputs."""

import json
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

import rewriter_agent.pipeline
from rewriter_agent.config import RunConfig
from rewriter_agent.io.console import console
from rewriter_agent.pipeline import (
    COMMANDS,
    DATASET,
    EVALUATE_BASE,
    EVALUATE_REWRITTEN,
    PREPARE,
    REWRITE,
    SFT_EXPERT,
    SFT_REWRITTEN,
    STAGES,
    STUDENT,
    TRAIN,
    run_stages,
)
from rewriter_agent.runtime.fingerprints import input_hashes
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.stage import (
    COLUMNS,
    SEPARATE_SUBSECTIONS,
    Stage,
    _section,
    roles_of,
    vllm_package,
)

Usage = namedtuple("Usage", "total used free")


class Work:
    """Stage work that counts its calls and fails when told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False

    def __call__(self, run: Any, folder: Path, progress: Any) -> dict[str, Any]:
        self.calls += 1
        (folder / "partial.txt").write_text("kept")
        if self.fails:
            raise RuntimeError("engine lost")
        return {"rows": 3}


def make_config(tmp_path: Path, **changed: Any) -> RunConfig:
    tree = {"name": "r", "output_dir": tmp_path, "model": {}, "data": {"source": "gsm_symbolic"}}
    return RunConfig.model_validate(tree | changed)


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return make_config(tmp_path)


@pytest.fixture
def first() -> Stage:
    return Stage("first", ("data",), (), Work(), reads=input_hashes)


@pytest.fixture
def second(first: Stage) -> Stage:
    return Stage("second", ("sft",), (first,), Work())


def do(stage: Stage, config: RunConfig, weights_gb: float = 0.0) -> None:
    run_stage(stage, SimpleNamespace(config=config, weights_gb=weights_gb, take_judge_cost=dict))


def calls(stage: Stage) -> int:
    assert isinstance(stage.work, Work)
    return stage.work.calls


def test_a_stage_is_complete_after_its_manifest(config: RunConfig, first: Stage) -> None:
    assert not first.complete(config)
    do(first, config)
    assert first.complete(config)
    manifest = first.read_manifest(config)
    assert manifest is not None
    assert manifest["stage"] == "first"
    assert manifest["counts"] == {"rows": 3}
    assert manifest["fingerprint"] == first.fingerprint(config)
    assert manifest["inputs"] == {}
    assert manifest["versions"][vllm_package()]


def test_a_complete_stage_is_skipped(
    config: RunConfig, first: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    do(first, config)
    do(first, config)
    assert calls(first) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "[first 00:00] complete, skipped"


def test_complete_stages_need_no_cluster(
    config: RunConfig,
    first: Stage,
    second: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    starts = []

    def connect(*arguments: Any) -> None:
        starts.append(arguments)
        raise ConnectionError

    monkeypatch.setattr(rewriter_agent.pipeline, "connect", connect)
    do(first, config)
    with pytest.raises(ConnectionError):
        run_stages(config, (first, second))
    do(second, config)
    unwanted = replace(second, name="unwanted", wanted=lambda config: False)
    run_stages(config, (first, second, unwanted))
    assert len(starts) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "[first 00:00] complete, skipped",
        "[second 00:00] complete, skipped",
    ]


def test_the_fingerprint_follows_the_stages_sections_and_those_before(
    tmp_path: Path, config: RunConfig, first: Stage, second: Stage
) -> None:
    more_data = make_config(tmp_path, data={"source": "gsm_symbolic", "num_train": 5})
    other_sft = make_config(tmp_path, sft={"learning_rate": 1e-6})
    other_seed = make_config(tmp_path, seed=1)
    more_engines = make_config(tmp_path, cluster={"engines": 2})
    assert first.fingerprint(config) != first.fingerprint(more_data)
    assert first.fingerprint(config) == first.fingerprint(other_sft)
    assert len({second.fingerprint(c) for c in (config, more_data, other_sft, other_seed)}) == 4
    # The place of a computation does not affect its result.
    assert second.fingerprint(config) == second.fingerprint(more_engines)


def test_an_option_that_older_results_do_not_have_is_neutral_at_its_old_meaning(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    train = config.train.model_dump(mode="json")
    assert train["max_staleness"] == 0
    assert "max_staleness" not in _section(config.model_dump(mode="json"), "train")
    overlapped = make_config(tmp_path, train={"max_staleness": 1})
    assert TRAIN.fingerprint(overlapped) != TRAIN.fingerprint(config)


def test_another_rewriting_prompt_makes_stale_what_uses_it_alone(tmp_path: Path) -> None:
    shown, masked = (make_config(tmp_path, prompts={"show_answer": value}) for value in (True, False))
    for stage in (PREPARE, TRAIN, REWRITE):
        assert stage.fingerprint(shown) != stage.fingerprint(masked)
    for stage in (SFT_EXPERT, EVALUATE_BASE):
        assert stage.fingerprint(shown) == stage.fingerprint(masked)


def test_another_question_prompt_makes_everything_stale_but_replay(tmp_path: Path) -> None:
    auto, none = (make_config(tmp_path, prompts={"answer_format": text}) for text in ("auto", "none"))
    for stage in STAGES:
        # General prompts are asked as they are.
        assert (stage.fingerprint(auto) != stage.fingerprint(none)) == (stage.name != "replay")


def test_an_edited_template_makes_stale_what_is_written_from_it_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    config = make_config(tmp_path, prompts={"rewrite": str(file)})
    found = []
    for text in ("{{ question }} {{ solution }}", "{{ solution }} then {{ question }}"):
        file.write_text(text)
        found.append({stage: stage.fingerprint(config) for stage in STAGES})
    changed = {stage for stage in STAGES if found[0][stage] != found[1][stage]}
    assert {PREPARE, TRAIN, REWRITE, DATASET, SFT_REWRITTEN} <= changed
    assert not {SFT_EXPERT, EVALUATE_BASE} & changed
    default = make_config(tmp_path)
    assert TRAIN.fingerprint(default) not in {found[0][TRAIN], found[1][TRAIN]}
    assert str(file) in PREPARE.inputs(config)
    assert str(file) not in EVALUATE_BASE.inputs(config)


def test_the_default_prompts_leave_older_results_valid(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    nothing: dict[str, str] = {}
    prepare = replace(
        PREPARE, sections=("data", "prepare", "reward"), own_sections=(), own_reads=lambda config: nothing
    )
    train = replace(TRAIN, sections=("train",), reads=lambda config: nothing)
    for stage, older in ((PREPARE, prepare), (TRAIN, train)):
        assert stage.fingerprint(config) == older.fingerprint(config)
        assert stage.passed_on(config) == older.passed_on(config)


def test_a_section_that_older_results_do_not_have_is_neutral_at_its_old_meaning(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    older = replace(TRAIN, sections=("train",))
    assert TRAIN.fingerprint(config) == older.fingerprint(config)


def test_a_stage_that_is_not_wanted_is_not_done_nor_waited_for(
    config: RunConfig,
    first: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unwanted = replace(first, wanted=lambda config: False)
    do(unwanted, config)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(console, "verbose", True)
    do(unwanted, config)
    assert capsys.readouterr().out == "[first 00:00] not needed by this config, skipped\n"
    assert calls(first) == 0
    after = Stage("after", (), (unwanted,), Work())
    do(after, config)
    assert after.inputs(config) == {}


def test_a_trained_rewriter_is_needed_by_its_strategy_only(tmp_path: Path) -> None:
    given = {"rewriter": tmp_path / "elsewhere"}
    wanted = [TRAIN.wanted(make_config(tmp_path, rewrite=r)) for r in ({}, given, {"strategy": "best_of_n"})]
    assert wanted == [True, False, False]


def test_a_command_needs_room_for_what_it_starts_only(tmp_path: Path) -> None:
    by_prompt = make_config(tmp_path, rewrite={"strategy": "best_of_n"})
    assert roles_of(COMMANDS["rewrite"], by_prompt) == {"backbone", "encoder"}
    assert roles_of(COMMANDS["rewrite"], make_config(tmp_path)) == {
        "backbone",
        "encoder",
        "policy",
        "learner",
    }
    assert roles_of(COMMANDS["run"], by_prompt) == {"backbone", "encoder", "policy", "sft"}
    unasked = make_config(tmp_path, rewrite={"strategy": "expert"})
    assert roles_of([REWRITE], unasked) == set()


def test_a_changed_rewriter_and_a_changed_licence_make_stale_what_they_decide(tmp_path: Path) -> None:
    model = tmp_path / "rewriter" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    config = make_config(tmp_path, rewrite={"rewriter": tmp_path / "rewriter"})
    before = REWRITE.fingerprint(config)
    licensed = make_config(tmp_path, rewrite={"rewriter": tmp_path / "rewriter"}, dataset={"license": "mit"})
    assert REWRITE.fingerprint(licensed) == before
    assert DATASET.fingerprint(licensed) != DATASET.fingerprint(config)
    (model / "config.json").write_text('{"other": 1}')
    assert REWRITE.fingerprint(config) != before


@pytest.mark.parametrize(("stage", "schema"), [(PREPARE, "PREPARED"), (REWRITE, "REWRITES")])
def test_columns_of_another_version_make_a_stage_stale(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, stage: Stage, schema: str
) -> None:
    before = stage.fingerprint(config)
    monkeypatch.setattr(rewriter_agent.pipeline, schema, pa.schema([("id", pa.string())]))
    assert stage.fingerprint(config) != before


def test_results_of_other_inputs_are_moved_aside(tmp_path: Path, config: RunConfig, first: Stage) -> None:
    do(first, config)
    for number, num_train in enumerate((5, 6), start=1):
        changed = make_config(tmp_path, data={"source": "gsm_symbolic", "num_train": num_train})
        assert not first.complete(changed)
        do(first, changed)
        stale = config.folder / f"first.stale-{number}"
        assert (stale / "manifest.json").exists()
        assert first.complete(changed)
    assert calls(first) == 3
    oldest = json.loads((config.folder / "first.stale-1" / "manifest.json").read_text())
    assert oldest["fingerprint"] == first.fingerprint(config)


def test_an_unfinished_stage_goes_on_in_its_folder(
    config: RunConfig, first: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(first.work, Work)
    first.work.fails = True
    with pytest.raises(RuntimeError, match="engine lost"):
        do(first, config)
    assert not first.complete(config)
    # What earlier tries took counts in.
    spent = config.folder / "first" / "seconds.json"
    spent.write_text('{"seconds": 100.0}')
    first.work.fails = False
    do(first, config)
    assert (config.folder / "first" / "partial.txt").exists()
    assert not list(config.folder.glob("*.stale-*"))
    manifest = first.read_manifest(config)
    assert manifest is not None
    assert 100 <= manifest["wall_seconds"] < 110
    assert "[first 01:40] resuming" in capsys.readouterr().out


def test_tables_with_the_columns_of_another_version_are_named(config: RunConfig, second: Stage) -> None:
    def written_by(columns: str) -> Stage:
        return Stage("first", ("data",), (), Work(), reads=lambda config: {COLUMNS: columns})

    do(written_by("id"), config)
    message = r"stage 'second' needs first again: another version wrote the results .* with other columns. Run `rewri"
    with pytest.raises(ValueError, match=message):
        second.require(config, [written_by("id,prior_logprobs")])
    second.require(config, [written_by("id")])


def test_a_missing_upstream_stage_is_named(config: RunConfig, first: Stage, second: Stage) -> None:
    with pytest.raises(ValueError, match=r"stage 'second' needs first first.*`rewriter-agent run`"):
        do(second, config)
    assert not (config.folder / "second").exists()
    do(first, config)
    do(second, config)
    assert second.complete(config)


def test_an_upstream_stage_of_other_inputs_does_not_count(
    tmp_path: Path, config: RunConfig, first: Stage, second: Stage
) -> None:
    do(first, config)
    changed = make_config(tmp_path, data={"source": "gsm_symbolic", "num_train": 5})
    with pytest.raises(ValueError, match="needs first first, or their inputs have changed since"):
        do(second, changed)


def test_too_little_disk_space_stops_the_stage_before_it_starts(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Stage("large", (), (), Work(), needs_gb=lambda weights_gb: 18 * weights_gb)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(0, 0, 2 * 1024**3))
    with pytest.raises(
        ValueError, match=r"disk space left for stage 'large'.*2\.00 GiB free.*9\.00 GiB"
    ) as error:
        do(large, config, weights_gb=0.5)
    assert "output_dir" in str(error.value)
    assert calls(large) == 0
    do(large, config, weights_gb=0.1)
    assert calls(large) == 1


def test_every_stage_comes_after_what_it_needs() -> None:
    for place, stage in enumerate(STAGES):
        assert all(before in STAGES[:place] for before in stage.after)
    assert set(COMMANDS["run"]) == {stage for stages in COMMANDS.values() for stage in stages}


def test_a_student_is_trained_in_place_of_the_rewriting(tmp_path: Path, config: RunConfig) -> None:
    student = make_config(tmp_path, method="grpo")
    assert not STUDENT.wanted(config)
    assert [stage.name for stage in STAGES if stage.wanted(student)] == [
        "prepare",
        "student",
        "evaluate-base",
        "sft-expert",
        "evaluate-expert",
        "evaluate-rewritten",
        "report",
    ]
    assert STUDENT.inputs(student).keys() == {"prepare"}
    assert EVALUATE_REWRITTEN.before(student) == [EVALUATE_BASE, STUDENT]
    # What both have is done once.
    for stage in (PREPARE, SFT_EXPERT, EVALUATE_BASE):
        assert stage.fingerprint(student) == stage.fingerprint(config)
    # How a rewriter is asked is nothing to it.
    asked = make_config(tmp_path, method="grpo", prompts={"show_answer": False})
    assert STUDENT.fingerprint(asked) == STUDENT.fingerprint(student)
    longer = make_config(tmp_path, method="grpo", train={"max_steps": 3})
    assert STUDENT.fingerprint(longer) != STUDENT.fingerprint(student)
    evaluated = make_config(tmp_path, method="grpo", sft={"evaluation": {"eval_steps": 2}})
    assert STUDENT.fingerprint(evaluated) != STUDENT.fingerprint(student)


def test_engines_of_the_backbone_train_a_student_only_if_the_gate_asks_them(tmp_path: Path) -> None:
    assert set(STUDENT.roles(make_config(tmp_path, method="grpo"))) == {"policy", "learner"}
    for reward in ({"judge": True}, {"min_support": 0.0}):
        asking = make_config(tmp_path, method="grpo", reward=reward)
        assert set(STUDENT.roles(asking)) == {"policy", "learner", "backbone"}


def test_every_stages_fingerprint_takes_sections_of_the_config(config: RunConfig) -> None:
    assert len({stage.fingerprint(config) for stage in STAGES}) == len(STAGES)
    assert {section for stage in STAGES for section in stage.sections} <= {
        *RunConfig.model_fields,
        *SEPARATE_SUBSECTIONS,
        # Of the section that fine-tunings depend on as a whole, all that a student reads.
        "sft.evaluation",
    }


def test_an_edited_data_file_makes_its_results_stale(tmp_path: Path, first: Stage) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text("{}\n")
    config = make_config(tmp_path, data={"source": "file", "train": str(train)})
    do(first, config)
    assert first.complete(config)
    train.write_text('{"question": "?"}\n')
    assert not first.complete(config)


def test_edited_items_and_task_definitions_make_evaluations_stale(tmp_path: Path) -> None:
    items, problems, tasks = tmp_path / "items.jsonl", tmp_path / "problems.jsonl", tmp_path / "tasks"
    tasks.mkdir()
    definition = tasks / "mine.yaml"
    files = (items, problems, definition)
    for file in files:
        file.write_text("1")
    evaluate = {
        "retention": ["quick", str(items)],
        "benchmarks": [{"name": "mine", "path": str(problems)}, "AIME24"],
        "include_path": str(tasks),
    }
    config = make_config(tmp_path, evaluate=evaluate)
    assert EVALUATE_BASE.reads(config).keys() == {str(file) for file in files}
    seen = {EVALUATE_BASE.fingerprint(config)}
    for file in files:
        file.write_text("22")
        seen.add(EVALUATE_BASE.fingerprint(config))
    assert len(seen) == 4
