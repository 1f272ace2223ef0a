"""What Ray is asked to do with a run that is submitted, and what a user reads if it cannot."""

import json
import os
import shlex
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import rewriter_agent.commands.ray_job
from cluster.credentials import NAMES, VARIABLE, load_credentials
from rewriter_agent.cli import main
from tests.helpers.job_server import JobServer, job_server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobServer]:
    """A job server that `submit` finds, and a config; none of the user's keys."""
    for name in (*NAMES, VARIABLE, "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rewriter_agent.commands.ray_job, "PAUSE_SECONDS", 0.01)
    monkeypatch.chdir(tmp_path)
    config = {"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "lab"}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    with job_server() as server:
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", server.address)
        yield server


def entrypoint(server: JobServer) -> list[str]:
    return shlex.split(server.submitted[-1]["entrypoint"])


def test_the_job_runs_the_config_and_its_results_stay(
    server: JobServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "run.yaml", "--set", "train.max_steps=3"]) == 0
    assert entrypoint(server) == [
        *("python", "-m", "rewriter_agent", "run", "run.yaml", "--set=train.max_steps=3"),
        f"--set=output_dir={tmp_path / 'runs'}",
    ]
    runtime_env = server.submitted[0]["runtime_env"]
    assert runtime_env["working_dir"].startswith("gcs://")
    assert "env_vars" not in runtime_env
    assert "what the job prints" in capsys.readouterr().out


def test_seeds_and_a_config_from_elsewhere(
    server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    monkeypatch.chdir(job)
    main(["submit", "../run.yaml", "--seeds", "0", "1"])
    run = ["python", "-m", "rewriter_agent", "run", str(tmp_path / "run.yaml"), "--seeds", "0", "1"]
    assert entrypoint(server)[:-1] == run
    main(["submit", str(tmp_path / "run.yaml")])
    assert str(tmp_path / "run.yaml") in entrypoint(server)
    monkeypatch.chdir(tmp_path)
    main(["submit", str(tmp_path / "run.yaml")])
    assert entrypoint(server)[4] == "run.yaml"


def test_keys_go_in_a_file_of_their_owner_and_the_job_names_only_the_file(
    server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {key: f"its {key}" for key in ("WANDB_API_KEY", "WANDB_MODE", "HF_TOKEN", "HF_HOME")}
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    assert main(["submit", "run.yaml"]) == 0
    job = server.submitted[0]
    assert not any(value in json.dumps(job) for value in given.values())
    path = Path(job["runtime_env"]["env_vars"][VARIABLE])
    assert path.parent == tmp_path / "runs"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for key in given:
        monkeypatch.delenv(key)
    monkeypatch.setenv(VARIABLE, str(path))
    assert load_credentials() == path
    assert {key: os.environ[key] for key in given} == given


def test_a_file_of_keys_does_not_outlive_its_job(
    server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"HF_TOKEN": "its HF_TOKEN"}')
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv(VARIABLE, str(path))
    main(["plan", "run.yaml", "--set", "cluster.engines=1000"])
    assert not path.exists()


def test_a_job_that_cannot_see_the_file_of_keys_says_so(
    server: JobServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere/keys.json")
    assert main(["plan", "run.yaml"]) == 2
    message = capsys.readouterr().err
    assert "/nowhere/keys.json" in message
    assert "set WANDB_API_KEY, HF_TOKEN on the cluster's machines" in message


def test_a_job_that_was_not_taken_leaves_no_keys(
    server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "its HF_TOKEN")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")
    assert main(["submit", "run.yaml"]) == 2
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_busy_cluster_is_asked_again(server: JobServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.busy = 3
    assert main(["submit", "run.yaml"]) == 0
    assert server.asked == 4
    assert capsys.readouterr().out.count("trying again") == 1


def test_a_cluster_that_stays_busy_is_given_up(
    server: JobServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rewriter_agent.commands.ray_job, "BUSY_SECONDS", 0.1)
    server.busy = 10**9
    assert main(["submit", "run.yaml"]) == 2
    assert "the cluster had no machine for the job within 0.1 s" in capsys.readouterr().err


def test_a_server_that_ends_before_it_takes_the_job(
    server: JobServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.hangs_up = True
    assert main(["submit", "run.yaml"]) == 2
    message = capsys.readouterr().err
    assert "the Ray job server ended before it took the job" in message
    assert "try again" in message
    assert "HF_TOKEN" not in message


@pytest.mark.parametrize("ends", ["FAILED", "STOPPED"])
def test_a_job_that_fails_is_a_failure(
    server: JobServer, ends: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.ends = ends
    assert main(["submit", "run.yaml"]) == 1
    assert f"job job {ends.lower()}: exit code 2" in capsys.readouterr().out


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}", "127.0.0.1:{}", "ray://127.0.0.1:{}", "http://", "x"]
)
def test_an_address_where_no_job_server_is(
    server: JobServer, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = address.format(closed_port())
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", address)
    assert main(["submit", "run.yaml"]) == 2
    message = capsys.readouterr().err
    assert f"no Ray job server answers at '{address}'" in message
    assert "RAY_API_SERVER_ADDRESS" in message


def test_something_that_is_no_job_server(
    server: JobServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"{server.address}/elsewhere")
    assert main(["submit", "run.yaml"]) == 2
    assert "no Ray job server answers at" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_no_proxy_is_asked_for_this_machines_server(
    server: JobServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert main(["submit", "run.yaml"]) == 0


def test_a_cluster_that_the_environment_names_is_not_another_ones(
    server: JobServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert rewriter_agent.commands.ray_job.run_job(server.address, ["true"], {}, "its token") == 0
    assert server.headers[0]["Authorization"] == "Bearer its token"


def test_a_config_that_is_wrong_is_not_submitted(
    server: JobServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "run.yaml", "--set", "train.max_step=3"]) == 2
    assert "unknown config key 'train.max_step'" in capsys.readouterr().err
    assert server.submitted == []
