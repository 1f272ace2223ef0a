"""What stages log, read back from W&B's offline files and TensorBoard's event files."""

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerState

from rewriter_agent.config import RunConfig
from rewriter_agent.experiments.seeds import with_seed
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.stage import Stage
from rewriter_agent.tracking.axis import EVALUATION, REWRITING
from rewriter_agent.tracking.stage_log import stage_log
from rewriter_agent.tracking.tables import log_completions, rewrites
from rewriter_agent.tracking.wandb_runs import run_id, wandb_run
from rewriter_agent.tracking.workers import worker_env
from rewriter_agent.train.replay_log import ReplayCompletions
from tests.helpers.wandb_files import OfflineRun, offline_runs, tables


@pytest.fixture(scope="module", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_DATA_DIR", str(tmp_path_factory.mktemp("staging")))
        yield


def make_config(tmp_path: Path, **tracking: Any) -> RunConfig:
    tree = {"name": "r", "output_dir": tmp_path, "model": {}, "data": {"source": "lab"}, "tracking": tracking}
    return RunConfig.model_validate(tree)


def log_shards(config: RunConfig, done: list[int]) -> None:
    with stage_log(config, config.folder / "rewrite") as log:
        for problems in done:
            log.metrics(REWRITING, problems, {"gate/accepted": 0.25})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "r" / "rewrite"
    folder.mkdir(parents=True)
    return folder


def test_nothing_is_written_where_nothing_is_wanted(tmp_path: Path, folder: Path) -> None:
    log_shards(make_config(tmp_path, report_to="none"), [4])
    assert list(folder.iterdir()) == []


def test_a_stage_that_goes_on_goes_on_with_its_run_and_loses_no_row(tmp_path: Path, folder: Path) -> None:
    config = make_config(tmp_path)
    log_shards(config, [4, 8])
    log_shards(config, [6, 2, 12])
    first, second = offline_runs(folder)
    assert first.id == second.id == run_id(folder)
    assert second.records["run"][0]["resume"] is True
    assert [row["rewrite/problems"] for run in (first, second) for row in run.history] == [4, 8, 6, 2, 12]
    assert first.axes == {"rewrite/*": "rewrite/problems"}
    assert (first.group, first.job_type, first.config["name"]) == ("r", "rewrite", "r")


def test_a_training_process_joins_the_run_of_its_stage(tmp_path: Path) -> None:
    folder = tmp_path / "r" / "train"
    first, again = (worker_env(make_config(tmp_path), folder, 1) for _ in range(2))
    assert first == again
    assert first["WANDB_RUN_ID"] == run_id(folder)
    assert (first["WANDB_RESUME"], first["WANDB_JOB_TYPE"], first["WANDB_RUN_GROUP"]) == (
        "allow",
        "train",
        "r",
    )
    events = worker_env(make_config(tmp_path, report_to="tensorboard"), folder, 1)
    assert events["TENSORBOARD_LOGGING_DIR"] == str(folder / "tensorboard")
    nothing = worker_env(make_config(tmp_path, report_to="none"), folder, 1)
    assert not any("WANDB" in name or "TENSORBOARD" in name for name in nothing)


def test_seeds_are_one_group(tmp_path: Path, folder: Path) -> None:
    seeded = with_seed(make_config(tmp_path), 3)
    with wandb_run(seeded, folder):
        pass
    (run,) = offline_runs(folder)
    assert (run.group, run.config["name"]) == ("r", "seed-3")


def scored(total: float) -> dict[str, Any]:
    return {"alignment": 0.5, "diversity": 0.25, "total": total, "mean_logprob": -1.0}


def write_rewrites(folder: StageFolder) -> None:
    """20 problems; every third keeps the expert's solution."""
    rows = [
        {
            "problem_id": str(i),
            "question": f"question {i}",
            "expert_solution": "expert",
            "target_text": "target",
            "outcome": "rewritten" if i % 3 else "expert_fallback",
            "reason": None if i % 3 else "no_answer",
            "selected": 1 if i % 3 else None,
            "false_steps": [] if i % 3 else [{"text": "5 - 4 = 2", "claimed": "2", "value": "1"}],
        }
        for i in range(20)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder.rewrites)
    candidates = [{"problem_id": str(i), **scored(total)} for i in range(20) for total in (0.0, 1.5)]
    pq.write_table(pa.Table.from_pylist(candidates), folder.candidates)


def test_a_table_of_rewrites_has_so_many_rows(tmp_path: Path, folder: Path) -> None:
    write_rewrites(StageFolder(folder))
    rows = rewrites(StageFolder(folder), 5)
    assert [row["total"] for row in rows] == [None, 1.5, 1.5, None, 1.5]
    assert {row["candidates"] for row in rows} == {2}
    assert [row["false_steps"] for row in rows] == ["5 - 4 = 2", "", "", "5 - 4 = 2", ""]
    with stage_log(make_config(tmp_path), folder) as log:
        log.metrics(REWRITING, 20, {})
        log.table(REWRITING, "samples", rows)
    (run,) = offline_runs(folder)
    assert list(tables(run, "rewrite/samples")) == [5]
    assert run.history[-1]["rewrite/problems"] == 20


def write_completions(folder: Path, step: int) -> None:
    row = {
        "step": 3,
        "prompt": [{"role": "user", "content": "question"}],
        "completion": [{"role": "assistant", "content": "answer"}],
        "group_reward": 1.0,
        "reason": None,
        "advantage": 0.5,
    }
    path = folder / "completions" / f"completions_{step:05d}.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row] * 64), path)


def test_a_table_of_completions_has_so_many_rows(tmp_path: Path, folder: Path) -> None:
    write_completions(folder, 3)
    with wandb_run(make_config(tmp_path), folder):
        log_completions(folder, 3, 8)
    (run,) = offline_runs(folder)
    assert list(tables(run, "completions")) == [8]


def test_a_learner_that_goes_on_tells_the_last_steps_again_and_their_tables(
    tmp_path: Path, folder: Path
) -> None:
    # The first lies longer back than W&B takes to write.
    steps = [{"step": 1, "elapsed": 1.0}, {"step": 2, "elapsed": 70.0}, {"step": 3, "elapsed": 90.0}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(step | {"loss": 0.5}) + "\n" for step in steps))
    for step in (1, 2, 3):
        write_completions(folder, step)
    with wandb_run(make_config(tmp_path), folder):
        again = ReplayCompletions(folder, 8)
        again.on_train_begin(None, TrainerState(is_world_process_zero=True), None)
    (run,) = offline_runs(folder)
    assert [row["train/global_step"] for row in run.history if "train/loss" in row] == [2, 3]
    assert list(tables(run, "completions")) == [8, 8]


REWRITING_FILES = ("rewrites.parquet", "candidates.parquet", "costs.parquet")


def finish_stages(config: RunConfig) -> None:
    """A rewriting, a fine-tuning on it and an evaluation of that, their files made up."""

    def write(counts: dict[str, Any], *paths: str) -> Any:
        def work(run: Any, folder: Path, progress: Any) -> dict[str, Any]:
            for path in paths:
                file = folder / path
                file.parent.mkdir(exist_ok=True)
                file.write_text(path)
            return counts

        return work

    rewrite = Stage(
        "rewrite",
        ("rewrite",),
        (),
        write({"problems": 20}, "rewrites.parquet", "candidates.parquet", "costs.parquet"),
    )
    sft = Stage("sft-rewritten", ("sft",), (rewrite,), write({"steps": 12}, "model/model.safetensors"))
    scores = {"task": 0.5, "retention": 0.75}
    evaluate = Stage("evaluate-rewritten", ("evaluate",), (sft,), write(scores, "result.json"))
    for stage in (rewrite, sft, evaluate):
        run_stage(stage, SimpleNamespace(config=config, weights_gb=0.0, take_judge_cost=dict))


def by_stage(config: RunConfig) -> dict[str, OfflineRun]:
    runs = offline_runs(config.folder)
    assert len(runs) == 3
    return {run.job_type: run for run in runs}


@pytest.fixture(scope="module")
def finished(offline: None, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    config = make_config(tmp_path_factory.mktemp("finished"))
    finish_stages(config)
    finish_stages(config)  # All complete: nothing is logged again.
    return config


@pytest.fixture(scope="module")
def runs(finished: RunConfig) -> dict[str, OfflineRun]:
    return by_stage(finished)


def test_artifacts_refer_to_files_and_say_what_they_were_made_from(
    finished: RunConfig, runs: dict[str, OfflineRun]
) -> None:
    (rewrites_,), (model,) = runs["rewrite"].artifacts, runs["sft-rewritten"].artifacts
    assert (rewrites_["name"], rewrites_["type"]) == ("r-rewrite", "dataset")
    (entry,) = model["manifest"]["contents"]
    file = finished.folder / "sft-rewritten" / "model" / "model.safetensors"
    assert (entry["path"], entry["ref"]) == ("model/model.safetensors", file.as_uri())
    assert entry["digest"] == b64encode(md5(file.read_bytes()).digest()).decode()
    fingerprint = model["metadata"]["inputs"]["rewrite"]
    assert fingerprint in rewrites_["aliases"]
    assert model["metadata"]["artifacts"] == [f"r-rewrite:{fingerprint}"]
    assert model["metadata"]["counts"] == {"steps": 12}
    assert runs["evaluate-rewritten"].artifacts == []
    used = runs["evaluate-rewritten"].config["lineage"]["artifacts"]
    assert used == [f"r-sft-rewritten:{model['metadata']['fingerprint']}"]


def test_files_are_uploaded_where_that_is_asked_for(tmp_path: Path) -> None:
    config = make_config(tmp_path, upload_artifacts=True)
    finish_stages(config)
    (entry,) = by_stage(config)["sft-rewritten"].artifacts[0]["manifest"]["contents"]
    assert "ref" not in entry
    assert entry["local_path"] == str(config.folder / "sft-rewritten" / "model" / "model.safetensors")


def test_an_evaluation_stands_at_the_steps_of_its_model(runs: dict[str, OfflineRun]) -> None:
    run = runs["evaluate-rewritten"]
    (row,) = [row for row in run.history if "eval/task" in row]
    assert (row["train/global_step"], row["eval/task"], row["eval/retention"]) == (12, 0.5, 0.75)
    assert run.axes == {"eval/*": EVALUATION.step}


def test_tensorboard_has_the_same_names(tmp_path: Path, folder: Path) -> None:
    config = make_config(tmp_path, report_to="tensorboard")
    log_shards(config, [4, 8])
    finish_stages(config)
    assert list(config.folder.rglob("*.wandb")) == []
    assert events(folder, "rewrite/gate/accepted") == [(4, 0.25), (8, 0.25)]
    assert events(config.folder / "evaluate-rewritten", "eval/task") == [(12, 0.5)]


def events(folder: Path, name: str) -> list[tuple[int, float]]:
    accumulator = EventAccumulator(str(folder / "tensorboard"))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(name)]
