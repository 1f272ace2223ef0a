"""The cluster that a run joins or starts."""

import socket
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import ray

import cluster.session
from cluster.config import ClusterConfig
from cluster.credentials import JOB, VARIABLE
from cluster.planning.machine import Machine
from cluster.session import connect, host_and_port, local_machine


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments of `ray.init`, which is replaced by a cluster of one node."""
    calls: list[dict[str, Any]] = []
    sizes = {"CPU": 12.0, "GPU": 2.0, "memory": 6 * 1024**3, "object_store_memory": 2 * 1024**3}
    node = {"Alive": True, "Resources": sizes}
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", lambda **options: calls.append(options))
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append({"shutdown": True}))
    monkeypatch.setattr(ray, "nodes", lambda: [node, {"Alive": False, "Resources": {"memory": 1e12}}])
    return calls


def test_without_an_address_a_new_cluster_is_started(
    asked: list[dict[str, Any]],
) -> None:
    with connect(ClusterConfig()):
        pass
    assert asked[0]["address"] == "local"
    assert asked[0]["num_cpus"] == local_machine().cpus
    assert asked[-1] == {"shutdown": True}


def test_the_address_in_the_config_overrides_the_environment(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "there:1")
    monkeypatch.setattr(cluster.session, "answers", lambda host, port: True)
    with connect(ClusterConfig()):
        assert asked[-1]["address"] == "there:1"
    with connect(ClusterConfig(address="here:2")):
        assert asked[-1]["address"] == "here:2"
        assert "num_cpus" not in asked[-1]


@pytest.mark.usefixtures("asked")
def test_machines_are_the_living_nodes() -> None:
    with connect(ClusterConfig()) as machines:
        assert machines == [Machine(cpus=12, memory_gb=8, gpus=2)]


def test_the_session_ends_after_an_error(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(KeyError), connect(ClusterConfig()):
        raise KeyError("bug")
    assert asked[-1] == {"shutdown": True}


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_missing_cluster_is_reported_at_once(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    begun = time.monotonic()
    with pytest.raises(ValueError, match=rf"no Ray cluster answers at '{address}'.*make cluster"):
        connect(ClusterConfig()).__enter__()
    assert time.monotonic() - begun < 300


def test_a_refused_connection_is_reported(asked: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(ray, "init", unreachable)
    monkeypatch.setattr(cluster.session, "answers", lambda host, port: True)
    with pytest.raises(ValueError, match=r"no Ray cluster answers at 'there:1' \(refused\).*make cluster"):
        connect(ClusterConfig(address="there:1")).__enter__()


def test_the_last_cluster_of_this_machine_may_be_gone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    find = lru_cache(lambda: set[str]())
    monkeypatch.setattr(ray._private.services, "find_gcs_addresses", find)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    monkeypatch.setattr(ray._private.services, "find_bootstrap_address", lambda folder: None)
    with pytest.raises(ValueError, match="no Ray cluster answers at 'auto'"):
        connect(ClusterConfig()).__enter__()
    monkeypatch.setattr(ray._private.services, "find_bootstrap_address", lambda folder: "127.0.0.1:1")
    with pytest.raises(ValueError, match=r"nothing listens at 127\.0\.0\.1:1"):
        connect(ClusterConfig()).__enter__()


def test_addresses() -> None:
    assert host_and_port("there:1") == ("there", 1)
    assert host_and_port("ray://there:10001") == ("there", 10001)
    assert host_and_port("[::1]:6379") == ("::1", 6379)
    assert host_and_port("auto")[0] == ""
    for wrong in ("there:port", "http://there:8265", "there:70000"):
        with pytest.raises(ValueError, match="is no address of a Ray cluster"):
            host_and_port(wrong)


def test_a_joined_cluster_gets_keys_by_a_file(
    asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "its HF_TOKEN")
    monkeypatch.setattr(cluster.session, "answers", lambda host, port: True)
    with connect(ClusterConfig(address="there:1"), tmp_path):
        (path,) = tmp_path.iterdir()
        assert asked[-1]["runtime_env"]["env_vars"] == {VARIABLE: str(path)}
        assert "its HF_TOKEN" not in str(asked)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(JOB, "{}")
    with connect(ClusterConfig(address="there:1"), tmp_path):
        assert asked[-1]["runtime_env"] is None
