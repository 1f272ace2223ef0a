"""The dashboard as code: its outline, and what W&B would be sent."""

import json
from pathlib import Path

import pytest

from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig
from rewriter_agent.tracking.dashboard import report, workspace
from rewriter_agent.tracking.panels import SECTIONS, metric_names


@pytest.fixture
def config() -> RunConfig:
    return RunConfig.model_validate({"name": "trial", "model": {}, "data": {"source": "lab"}})


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("name: trial\nmodel: {}\ndata: {source: lab}\n")
    return path


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb"))


@pytest.mark.usefixtures("nobody")
def test_a_dry_run_prints_every_panel_and_metric(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", str(config_file), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    titles = [section.title for section in SECTIONS] + [p.title for s in SECTIONS for p in s.panels]
    assert [text for text in (*titles, *metric_names()) if text not in printed] == []


@pytest.mark.usefixtures("nobody")
def test_without_a_login_it_says_what_to_do(config_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", str(config_file)]) == 2
    message = capsys.readouterr().err
    assert "error: the dashboard is made on the W&B server, and no API key is known here." in message
    assert "wandb login" in message
    assert "--dry-run" in message


def test_the_workspace_shows_every_metric_of_the_group(config: RunConfig) -> None:
    view = json.loads(workspace(config, "me")._to_model().model_dump_json(by_alias=True, exclude_none=True))
    section = view["spec"]["section"]
    assert [s["name"] for s in section["panelBankConfig"]["sections"]] == [s.title for s in SECTIONS]
    configs = [p["config"] for s in section["panelBankConfig"]["sections"] for p in s["panels"]]
    shown = [name for c in configs for name in c.get("metrics", [])]
    assert shown == [name for name in metric_names() if not name.endswith("*")]
    families = [c["metricRegex"] for c in configs if "metricRegex" in c]
    assert families == [f"^{name[:-1]}" for name in metric_names() if name.endswith("*")]
    (runs,) = section["runSets"]
    assert '"trial"' in json.dumps(runs["filters"])


def test_a_section_of_the_report_has_the_runs_of_its_stages(config: RunConfig) -> None:
    page = report(config, "me")
    grids = page.blocks[1::2]
    assert [heading.text for heading in page.blocks[::2]] == [section.title for section in SECTIONS]
    for grid, section in zip(grids, SECTIONS, strict=True):
        assert len(grid.panels) == len(section.panels)
        (runs,) = grid.runsets
        assert str(list(section.stages)) in runs.filters
