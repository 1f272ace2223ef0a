"""A sweep: its trainings, the results that it makes stale, its table and page."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import rewriter_agent.experiments.sweep.stage
from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.evaluate.result import ModelResult, PartResult
from rewriter_agent.experiments.measurements import EVALUATION
from rewriter_agent.experiments.results import Measurement, read_measurements, write_measurements
from rewriter_agent.experiments.sweep.page import write_page
from rewriter_agent.experiments.sweep.result import sweep_csv, sweep_table, trial_result
from rewriter_agent.experiments.sweep.stage import sweep
from rewriter_agent.experiments.sweep.trials import Trial, trials
from rewriter_agent.io.files import write_json, write_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.pipeline import REPORT, SFT_EXPERT, SFT_REWRITTEN, SWEEP
from rewriter_agent.runtime.run_folder import RunFolder

BASE = """
name: r
model: {}
data: {source: lab}
sft: {weight: {kind: token_is}, outcome_weights: {rewritten: {kind: dft}}}
"""


def make(tmp_path: Path, sweep: str) -> RunConfig:
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    return load_config(path, [f"output_dir={tmp_path}", f"sft.sweep={sweep}"])


def test_an_empty_sweep_is_what_the_stages_train(tmp_path: Path) -> None:
    found = trials(make(tmp_path, "{}"))
    assert [(trial.data, trial.weight, trial.seed) for trial in found] == [
        ("expert", "none", 0),
        ("rewritten", "token_is, rewritten: dft", 0),
    ]
    assert all(trial.sft.sweep is None for trial in found)


def test_a_sweep_is_the_product_of_its_lists(tmp_path: Path) -> None:
    lists = "data: [rewritten], learning_rates: [1e-4, 2e-4], seeds: [3, 4]"
    found = trials(make(tmp_path, f"{{{lists}, weights: [{{kind: none}}, {{kind: asft, beta: 0.2}}]}}"))
    assert len({trial.name for trial in found}) == len(found) == 8
    assert found[-1].name == "rewritten-asft_beta=0.2_-lr0.0002-seed4"
    assert found[-1].sft.learning_rate == 2e-4
    assert {rule.kind for trial in found for rule in trial.sft.rules} == {"none", "asft"}


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("{learning_rates: [1e-4, 1e-4]}", "0.0001 is there twice"),
        ("{learning_rates: [0.0]}", "0 is no learning rate"),
        ("{data: []}", "at least 1 item"),
        ("{data: [own]}", "'expert' or 'rewritten'"),
        ("{rates: [1e-4]}", "unknown config key 'sft.sweep.rates'"),
    ],
)
def test_a_wrong_sweep_is_refused(tmp_path: Path, sweep: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tmp_path, sweep)


def test_a_sweep_makes_no_fine_tuning_stale_that_it_is_not_about(tmp_path: Path) -> None:
    one, two = make(tmp_path, "{seeds: [1]}"), make(tmp_path, "{seeds: [2]}")
    assert SWEEP.fingerprint(one) != SWEEP.fingerprint(two)
    for stage in (SFT_EXPERT, SFT_REWRITTEN):
        assert stage.fingerprint(one) == stage.fingerprint(two)


def test_the_command_without_a_sweep_says_what_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "{}")
    assert main(["sweep", str(tmp_path / "config.yaml")]) == 2
    assert "--set 'sft.sweep={learning_rates: [1.0e-5, 2.0e-5], seeds: [0, 1]}'" in capsys.readouterr().err


def model(task: list[bool], kept: list[bool]) -> ModelResult:
    def part(name: str, outcomes: list[bool]) -> PartResult:
        scores = {str(i): float(outcome) for i, outcome in enumerate(outcomes)}
        return PartResult(name, "acc", {"strict": scores}, 0.0, {"finished": 1.0}, [])

    return ModelResult(part("task", task), [part("lab_count", kept)])


@pytest.fixture
def results(tmp_path: Path) -> list[Measurement]:
    base = model([False, False, True, False], [True, True, True, False])
    found = []
    for trial, after in zip(
        trials(make(tmp_path, "{}")), ([True, True, True, False], [False] * 4), strict=True
    ):
        lines = [
            {
                "step": step,
                "loss": 1.0 / step,
                "unweighted_loss": 2.0 / step,
                "ess": 0.75,
                "max_steps": 2,
                "num_tokens": 100.0 * step,
                "elapsed": 3.0 * step,
            }
            for step in (1, 2)
        ]
        lines[-1]["probe/kl"] = 0.125
        write_jsonl(tmp_path / trial.name / "metrics.jsonl", lines)
        outcome = model(after, [True, False, False, False])
        write_json(
            tmp_path / trial.name / EVALUATION / "result.json", json.loads(json.dumps(outcome, default=vars))
        )
        found.append(trial_result(trial, tmp_path / trial.name, base))
    return found


def test_a_row_of_the_table_by_hand(results: list[Measurement]) -> None:
    header, expert, rewritten = sweep_table(results).split("\n")
    assert expert.split()[:9] == ["expert", "none", "2.0e-05", "0", "0.500", "2.000", "to", "1.000", "0.75"]
    assert expert.split()[9:12] == ["0.1250", "75.0%", "+50.0"]
    assert "+50.0 ±" in expert
    assert "-25.0 ±" in rewritten
    assert "token_is, rewritten: dft" in rewritten
    assert len(header) == len(expert) == len(rewritten)


def test_the_csv_has_numbers(results: list[Measurement]) -> None:
    rows = list(csv.DictReader(io.StringIO(sweep_csv(results))))
    assert [row["data"] for row in rows] == ["expert", "rewritten"]
    assert float(rows[0]["gain"]) == 0.5
    assert float(rows[0]["forgetting"]) == 0.5
    assert float(rows[0]["retention/lab_count"]) == 0.25
    assert float(rows[1]["probe_kl"]) == 0.125


def test_the_page_shows_every_fine_tuning_and_escapes(results: list[Measurement], tmp_path: Path) -> None:
    write_page(tmp_path / "sweep.html", "<script>run", results)
    page = (tmp_path / "sweep.html").read_text()
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert page.count("<tr>") == 1 + len(results)


def test_results_come_back_from_their_file(results: list[Measurement], tmp_path: Path) -> None:
    write_measurements(tmp_path / "sweep.json", results)
    assert read_measurements(tmp_path / "sweep.json") == results


def test_a_file_of_an_earlier_version_says_how_to_write_it_again(tmp_path: Path) -> None:
    old = {"data": "expert", "weight": "none", "learning_rate": 1e-4, "seed": 0, "loss": 0.5, "summary": {}}
    write_json(tmp_path / "sweep.json", [old])
    with pytest.raises(ValueError, match=r"sweep\.json has the format of an earlier version") as error:
        read_measurements(tmp_path / "sweep.json")
    assert f"Delete {tmp_path / 'manifest.json'} and run the same command again" in str(error.value)


def test_the_report_waits_for_a_sweep_where_the_run_has_one(tmp_path: Path) -> None:
    swept = make(tmp_path, "{}")
    without = swept.model_copy(update={"sft": swept.sft.model_copy(update={"sweep": None})})
    assert SWEEP in REPORT.before(swept)
    assert SWEEP not in REPORT.before(without)


def test_a_trial_is_named_by_what_differs() -> None:
    config = RunConfig.model_validate({"name": "r", "model": {}, "data": {"source": "lab"}})
    assert Trial("expert", config.sft, 2).name == "expert-none-lr2e-05-seed2"


def test_a_sweep_of_a_refreshed_training_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(BASE)
    with pytest.raises(ValueError, match="refresh cannot be combined with sweep"):
        load_config(tmp_path / "config.yaml", ["sft.sweep={}", "sft.refresh={steps: 9}"])


def test_a_sweep_with_a_failed_trial_measures_the_others_and_says_which(
    tmp_path: Path, results: list[Measurement], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make(tmp_path, "{}")
    lost, kept = (trial.name for trial in trials(config))
    base = model([False, False, True, False], [True, True, True, False])
    folder = RunFolder(tmp_path)
    write_json(folder.evaluation("base").result, json.loads(json.dumps(base, default=vars)))
    (tmp_path / kept / "model").mkdir()
    run = SimpleNamespace(config=config, folder=folder)
    monkeypatch.setattr(rewriter_agent.experiments.sweep.stage, "_train", lambda *_: {lost: "out of memory"})
    with pytest.raises(ValueError, match=f"1 of 2 trials failed. {lost}: out of memory"):
        sweep(cast(Any, run), tmp_path, Progress("sweep"))
    assert [result.arm for result in read_measurements(tmp_path / "sweep.json")] == ["rewritten"]
    assert not (tmp_path / kept / "model").exists()
