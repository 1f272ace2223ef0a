"""What Ray is asked to do with a run that is submitted."""

import json
import stat
import sys
from pathlib import Path

import pytest
import yaml

import rewriter_agent.commands.submit
from rewriter_agent.cli import main

RAY = """#!{python}
import json, os, sys
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
path = options["--runtime-env"]
found = {{"args": sys.argv[1:], "env": json.load(open(path)), "mode": os.stat(path).st_mode, "path": path}}
json.dump(found, open({output!r}, "w"))
sys.exit(7)
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a stand-in for `ray` was called with; it ends with status 7."""
    ray, output = tmp_path / "ray", tmp_path / "asked.json"
    ray.write_text(RAY.format(python=sys.executable, output=str(output)))
    ray.chmod(0o700)
    monkeypatch.setattr(rewriter_agent.commands.submit, "ray_command", lambda: str(ray))
    monkeypatch.chdir(tmp_path)
    config = {"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "lab"}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    return output


def test_the_job_runs_the_config_and_its_results_stay(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://there:8265")
    assert main(["submit", "run.yaml", "--set", "train.max_steps=3"]) == 7
    args = json.loads(asked.read_text())["args"]
    assert args[:2] == ["job", "submit"]
    assert args[args.index("--address") + 1] == "http://there:8265"
    assert args[args.index("--working-dir") + 1] == "."
    assert args[args.index("--") + 1 :] == [
        *("python", "-m", "rewriter_agent", "run", "run.yaml", "--set=train.max_steps=3"),
        f"--set=output_dir={asked.parent / 'runs'}",
    ]


def test_seeds_and_a_config_from_elsewhere(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    monkeypatch.chdir(job)
    main(["submit", "../run.yaml", "--seeds", "0", "1"])
    args = json.loads(asked.read_text())["args"]
    run = ["python", "-m", "rewriter_agent", "run", str(tmp_path / "run.yaml"), "--seeds", "0", "1"]
    assert args[args.index("--") + 1 : -1] == run
    main(["submit", str(tmp_path / "run.yaml")])
    assert str(tmp_path / "run.yaml") in json.loads(asked.read_text())["args"]
    monkeypatch.chdir(tmp_path)
    main(["submit", str(tmp_path / "run.yaml")])
    args = json.loads(asked.read_text())["args"]
    assert args[args.index("run") + 1] == "run.yaml"


def test_keys_go_with_it_in_a_file_that_others_cannot_read_and_that_does_not_stay(
    asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    for key in ("WANDB_API_KEY", "WANDB_MODE", "HF_TOKEN", "HF_HOME"):
        monkeypatch.setenv(key, f"its {key}")
    for key in ("WANDB_ENTITY", "WANDB_BASE_URL"):
        monkeypatch.delenv(key, raising=False)
    main(["submit", "run.yaml"])
    found = json.loads(asked.read_text())
    assert found["env"]["env_vars"] == {
        key: f"its {key}" for key in ("WANDB_API_KEY", "WANDB_MODE", "HF_TOKEN", "HF_HOME")
    }
    assert not any("its WANDB_API_KEY" in argument for argument in found["args"])
    assert "http://127.0.0.1:8265" in found["args"]
    assert stat.S_IMODE(found["mode"]) == 0o600
    assert not Path(found["path"]).exists()
    assert ".venv" in found["env"]["excludes"]


def test_a_config_that_is_wrong_is_not_submitted(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "run.yaml", "--set", "train.max_step=3"]) == 2
    assert "unknown config key 'train.max_step'" in capsys.readouterr().err
    assert not asked.exists()
