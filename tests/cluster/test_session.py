"""Which cluster a run joins or starts."""

from typing import Any

import pytest
import ray

from cluster.config import ClusterConfig
from cluster.planning.machine import Machine
from cluster.session import connect, local_machine


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Ray is asked for; it answers with a cluster of one node."""
    calls: list[dict[str, Any]] = []
    sizes = {"CPU": 12.0, "GPU": 2.0, "memory": 6 * 1024**3, "object_store_memory": 2 * 1024**3}
    node = {"Alive": True, "Resources": sizes}
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", lambda **options: calls.append(options))
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append({"shutdown": True}))
    monkeypatch.setattr(ray, "nodes", lambda: [node, {"Alive": False, "Resources": {"memory": 1e12}}])
    return calls


def test_without_an_address_a_new_cluster_is_started_whatever_else_runs_here(
    asked: list[dict[str, Any]],
) -> None:
    with connect(ClusterConfig()):
        pass
    assert asked[0]["address"] == "local"
    assert asked[0]["num_cpus"] == local_machine().cpus
    assert asked[-1] == {"shutdown": True}


def test_the_configs_address_goes_before_the_environments(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "there:1")
    with connect(ClusterConfig()):
        assert asked[-1]["address"] == "there:1"
    with connect(ClusterConfig(address="here:2")):
        assert asked[-1]["address"] == "here:2"
        assert "num_cpus" not in asked[-1]


@pytest.mark.usefixtures("asked")
def test_the_machine_is_what_living_nodes_have() -> None:
    with connect(ClusterConfig()) as machines:
        assert machines == [Machine(cpus=12, memory_gb=8, gpus=2)]


def test_an_error_in_the_run_still_leaves_the_cluster(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(KeyError), connect(ClusterConfig()):
        raise KeyError("bug")
    assert asked[-1] == {"shutdown": True}


def test_an_address_where_nothing_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(ray, "init", unreachable)
    connection = connect(ClusterConfig(address="there:1"))
    with pytest.raises(ValueError, match=r"no Ray cluster answers at 'there:1'.*make cluster"):
        connection.__enter__()
