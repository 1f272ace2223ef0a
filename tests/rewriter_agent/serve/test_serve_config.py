"""Serve configs, generated and written by hand, against Ray's own schema."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from rewriter_agent.cli import main
from rewriter_agent.config import dump_config
from rewriter_agent.serve.access import VARIABLE
from rewriter_agent.serve.serve_config import REWRITER, Arguments
from tests.helpers.fake_service import TOKEN, service_config

ROOT = Path(__file__).parents[3]
RAY_SERVICE = ROOT / "examples" / "kubernetes" / "rayservice.yaml"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_config(service_config()))
    return folder


def check(content: dict[str, Any]) -> Arguments:
    """Check a config as `serve deploy` does; the arguments of its application."""
    schema = ServeDeploySchema.model_validate(content)
    # Ray ignores names that it does not know.
    assert content.keys() <= ServeDeploySchema.model_fields.keys()
    [application] = schema.applications
    [given] = content["applications"]
    assert given.keys() <= type(application).model_fields.keys()
    module, _, name = application.import_path.partition(":")
    builder = getattr(import_module(module), name)
    assert builder.__annotations__["arguments"] is Arguments
    assert [one.name for one in application.deployments] == [REWRITER]
    return Arguments.model_validate(application.args)


def test_a_generated_config_is_one_that_serve_deploys(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "serve.yaml"
    options = ["--port", "8123", "--set", "serve.max_rows=7", "--strategy", "best_of_n"]
    assert main(["serve", str(run), "--write", str(path), *options]) == 0
    content = yaml.safe_load(path.read_text())
    arguments = check(content)
    assert (arguments.run, arguments.strategy, arguments.set) == (run, "best_of_n", ["serve.max_rows=7"])
    assert content["http_options"] == {"host": "127.0.0.1", "port": 8123}


def test_a_config_for_other_machines_needs_a_token(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "serve.yaml"
    assert main(["serve", str(run), "--write", str(path), "--host", "0.0.0.0"]) == 2
    assert "the service has no token" in capsys.readouterr().err
    assert not path.exists()
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert main(["serve", str(run), "--write", str(path), "--host", "0.0.0.0"]) == 0
    assert TOKEN not in path.read_text()


def test_a_certificate_is_given_to_the_proxies(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "serve.yaml"
    keys = ["--set", "serve.tls_certificate=/etc/cert.pem", "--set", "serve.tls_key=/etc/key.pem"]
    assert main(["serve", str(run), "--write", str(path), *keys]) == 0
    content = yaml.safe_load(path.read_text())
    check(content)
    assert content["http_options"]["ssl_certfile"] == "/etc/cert.pem"
    assert content["http_options"]["ssl_keyfile"] == "/etc/key.pem"
    assert main(["serve", str(run), "--write", str(path), *keys[:2]]) == 2


def test_the_service_for_kubernetes_deploys_the_same_application() -> None:
    service = yaml.safe_load(RAY_SERVICE.read_text(encoding="utf-8"))
    assert (service["apiVersion"], service["kind"]) == ("ray.io/v1", "RayService")
    assert service["spec"].keys() == {"serveConfigV2", "rayClusterConfig"}
    arguments = check(yaml.safe_load(service["spec"]["serveConfigV2"]))
    assert not arguments.run.is_relative_to(ROOT)
    cluster = service["spec"]["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in (group["template"]["spec"] for group in groups):
        [container] = pod["containers"]
        # Serve's replicas run on any node, and read the run and the token there.
        assert any(arguments.run.is_relative_to(mount["mountPath"]) for mount in container["volumeMounts"])
        assert [variable["name"] for variable in container["env"]] == [VARIABLE]
    engines = cluster["workerGroupSpecs"][0]["replicas"]
    assert f"cluster.engines={engines - 1}" in arguments.set
