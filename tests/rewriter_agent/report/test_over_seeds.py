"""One result over the runs of several seeds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig, load_config, make_config
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.measurements import run_measurements
from rewriter_agent.experiments.seeds import run_seeds, with_seed
from rewriter_agent.pipeline import STAGES
from rewriter_agent.report.build import build_over_seeds
from rewriter_agent.report.collect import collect
from rewriter_agent.report.data import LabWorld, ReportData
from rewriter_agent.report.over_seeds import OverSeeds, over_seeds, over_seeds_verdict
from rewriter_agent.runtime.run_folder import RunFolder
from tests.helpers.run_folder import make_run, make_student_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "seed-0")


@pytest.fixture(scope="module")
def run(folder: Path) -> ReportData:
    return collect(folder)


@pytest.fixture
def data(folder: Path, run: ReportData) -> OverSeeds:
    """The same run twice; with the second seed the rewritten arm's task accuracy and gain are 0.1 higher."""
    tree = {"name": "lab", "model": {}, "data": {"source": "gsm_symbolic"}}
    first, second = (run_measurements(RunFolder(folder), make_config({**tree, "seed": s})) for s in (0, 3))
    better = second[2].metrics | {name: second[2].metrics[name] + 0.1 for name in ("task", "gain")}
    second[2] = replace(second[2], metrics=better)
    return over_seeds("lab", {0: run, 3: run}, [*first, *second])


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    config = {"name": "lab", "output_dir": str(tmp_path), "model": {}, "data": {"source": "gsm_symbolic"}}
    path.write_text(json.dumps(config))
    return path


def over(*values: float) -> SeedMean:
    return SeedMean.of(dict(enumerate(values)))


def test_arms_are_averaged_and_compared_seed_by_seed(run: ReportData, data: OverSeeds) -> None:
    assert [arm.arm for arm in data.arms] == ["base", "expert", "rewritten"]
    _, expert, rewritten = data.arms
    before = {arm.arm: arm for arm in run.arms}
    assert rewritten.metrics["task"].by_seed == {
        0: before["rewritten"].task.value,
        3: before["rewritten"].task.value + 0.1,
    }
    assert rewritten.metrics["gain"].value == pytest.approx(
        before["rewritten"].against_base.gain.value + 0.05
    )
    assert expert.metrics["forgetting"].value == before["expert"].against_base.forgetting.value
    difference = before["rewritten"].task.value - before["expert"].task.value
    assert data.gain.by_seed == pytest.approx({0: difference, 3: difference + 0.1})
    assert data.wall_seconds == 2 * sum(stage.wall_seconds for stage in run.stages)


def test_the_verdict_names_a_difference_only_beyond_the_spread(data: OverSeeds) -> None:
    assert "which may be chance" in over_seeds_verdict(data)
    sure = replace(data, gain=over(0.1, 0.11, 0.1), forgetting=over(-0.2, -0.21, -0.2))
    sentence = over_seeds_verdict(sure)
    assert "scores 10.3 points higher on the task (95 % interval" in sentence
    assert "forgets 20.3 points less elsewhere (95 % interval 18.9 to 21.8)" in sentence
    assert "chance" not in sentence


@pytest.mark.parametrize(
    "values",
    [(0.1, 0.2, 0.1), (0.1, 0.2, -0.1), (-0.3, -0.2, -0.2, -0.4), (0.0, 0.1), (0.0, 0.0), (0.2, 0.2)],
)
def test_the_verdict_says_chance_if_and_only_if_the_interval_includes_0(
    data: OverSeeds, values: tuple[float, ...]
) -> None:
    mean = over(*values)
    sentence = over_seeds_verdict(replace(data, gain=mean, forgetting=mean))
    unsure = "the same" if mean.value == 0 else "may be chance"
    assert sentence.count(unsure) == 2 * (mean.low <= 0 <= mean.high)


def test_the_page_shows_the_numbers_of_the_json(data: OverSeeds, tmp_path: Path) -> None:
    build_over_seeds(data, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    numbers = json.loads((tmp_path / "report.json").read_text())
    assert numbers["seeds"] == [0, 3]
    assert numbers["verdict"] in page
    for arm in numbers["arms"]:
        assert f"{100 * arm['metrics']['task']['value']:.1f}<small>" in page
    assert page.count("<svg") == 1
    assert "#0102" not in page
    assert "<script" not in page


def test_each_seed_has_its_own_folder_and_nothing_else_changes(config_file: Path, tmp_path: Path) -> None:
    config = load_config(config_file)
    seeded = with_seed(config, 7)
    assert (seeded.seed, seeded.folder) == (7, tmp_path / "lab" / "seed-7")
    assert seeded.data == config.data
    assert seeded.evaluate == config.evaluate
    for seeds in ([], [1], [1, 1, 2]):
        with pytest.raises(ValueError, match="two or more different"):
            run_seeds(config, seeds)


def test_every_seed_is_run_and_reported_on(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def make(config: RunConfig, stages: object) -> None:
        assert stages == STAGES
        make_run(config.folder)

    monkeypatch.setattr("rewriter_agent.experiments.seeds.run_stages", make)
    assert main(["run", str(config_file), "--seeds", "4", "2"]) == 0
    report = tmp_path / "lab" / "over-seeds" / "report.html"
    told = capsys.readouterr().out
    assert f"report over all seeds: {report}" in told
    last = [line.partition(":")[2].strip() for line in told.splitlines()[-3:]]
    assert last == [
        f"python -m webbrowser file://{report}",
        f"vllm serve {tmp_path}/lab/seed-4/sft-rewritten/model",
        f"rewriter-agent check {tmp_path}/lab --min-gain 0 --max-forgetting 1",
    ]
    assert json.loads(report.with_name("report.json").read_text())["seeds"] == [4, 2]
    assert (tmp_path / "lab" / "seed-2" / "config.yaml").exists()
    assert main(["check", str(report.with_name("report.json")), "--min-gain", "1"]) == 0
    assert "over 2 seeds" in capsys.readouterr().out


def test_a_student_is_measured_beside_the_fine_tuning(tmp_path: Path) -> None:
    folder = make_student_run(tmp_path / "seed-0")
    tree = {"name": "lab", "method": "grpo", "model": {}, "data": {"source": "gsm_symbolic"}}
    found = [run_measurements(RunFolder(folder), make_config({**tree, "seed": seed})) for seed in (0, 1)]
    assert [one.arm for one in found[0]] == ["base", "expert", "rewritten"]
    student, config = found[0][2], make_config(tree)
    assert student.learning_rate == config.train.learning_rate != config.sft.learning_rate
    assert (student.metrics["steps"], student.metrics["rollouts"]) == (40, 1280)
    runs = {seed: collect(folder) for seed in (0, 1)}
    build_over_seeds(over_seeds("lab", runs, [one for some in found for one in some]), tmp_path / "over.html")
    page = (tmp_path / "over.html").read_text()
    assert "GRPO student" in page
    assert "student − expert" in page
    assert ">rewritten" not in page


def test_the_page_names_the_laboratorys_world(data: OverSeeds, tmp_path: Path) -> None:
    build_over_seeds(replace(data, lab_world=LabWorld("7", "abcdef")), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "world 7 of the laboratory, hash <code>abcdef</code>" in page
