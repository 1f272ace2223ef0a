"""Runs that the service can serve or refuses, decided before any engine starts."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rewriter_agent.cli import main
from rewriter_agent.config import dump_config
from rewriter_agent.serve.access import VARIABLE
from rewriter_agent.serve.engines import SERVED, service_config
from tests.helpers.fake_service import service_config as small_config


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Folder of a run that was moved here, without a trained rewriter."""
    folder = tmp_path / "moved" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump_config(small_config(rewrite={"num_targets": 3})))
    return folder


def config_file(tmp_path: Path, **sections: Any) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(small_config().model_dump(mode="json") | sections))
    return path


def test_a_runs_folder_is_served_from_where_it_is(run: Path) -> None:
    config = service_config(run)
    assert config.folder == run
    assert config.rewrite.num_targets == 1


def test_another_strategy_replaces_that_of_the_run(run: Path) -> None:
    assert service_config(run).rewrite.strategy == "policy"
    assert service_config(run, "mind_the_gap").rewrite.strategy == "mind_the_gap"


def test_a_config_file_is_served_too(tmp_path: Path) -> None:
    config = service_config(config_file(tmp_path), overrides=["serve.max_rows=7"])
    assert config.serve.max_rows == 7
    assert config.output_dir.is_absolute()


def test_what_has_not_passed_the_gate_is_not_served(run: Path) -> None:
    assert "self_train_unverified" not in SERVED
    assert "expert" not in SERVED
    for name, method in (("self_train_unverified", "self_train"), ("expert", "rewrite")):
        with pytest.raises(ValueError, match="nothing that passes the gate; choose --strategy policy"):
            service_config(run, name, [f"method={method}"])


def test_a_method_without_a_rewriter_is_told_what_to_do(run: Path) -> None:
    with pytest.raises(ValueError, match="trains the model itself and no rewriter"):
        service_config(run, overrides=["method=grpo"])


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"it has no config\.yaml"):
        service_config(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "the service has no token; set serve.token_file"),
        (["--host", "203.0.113.1", "--set", "serve.token_file=TOKENS"], "--host 203.0.113.1 --port 8000:"),
        (["--set", "serve.max_row=1"], "unknown config key 'serve.max_row'; did you mean 'max_rows'?"),
    ],
)
def test_a_service_that_cannot_start_says_why(
    run: Path,
    tmp_path: Path,
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-twenty-characters\n")
    tokens.chmod(0o600)
    given = [argument.replace("TOKENS", str(tokens)) for argument in arguments]
    assert main(["serve", str(run), *given]) == 2
    assert told in capsys.readouterr().err
