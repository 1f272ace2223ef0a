"""Waiting for a cluster's machines and for room among them, on Ray clusters of several nodes."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.util.placement_group import placement_group, remove_placement_group

import cluster.planning.capacity
from cluster.config import ClusterConfig
from cluster.planning.capacity import largest_phase, wait_for_plan, wait_for_room
from cluster.planning.machine import Machine, of_nodes
from cluster.planning.memory import NOTHING, Footprint
from cluster.planning.roles import Role
from cluster.planning.workload import ModelShape, Training, Workload
from sft.runtime.ray_train import Workers, run_workers

TRAINING = Training(workers=1, batch=1, length=64)
WORK = Workload(ModelShape(1000, 100, 1, 8, 1, 8, 100), 64, TRAINING, TRAINING)
NODE = {"num_cpus": 1, "memory": 8 * 2**30, "object_store_memory": 2**28}
BACKBONE = {"backbone"}


def role(count: int, name: str = "backbone", **labels: str) -> Role:
    return Role(name, "rollout", count, 1, 1.0, 0, Footprint(NOTHING), labels)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user is told; soon, where it has to come."""
    monkeypatch.setattr(cluster.planning.capacity, "QUIET_SECONDS", 2)
    monkeypatch.setattr(cluster.planning.capacity, "POLL_SECONDS", 0.3)
    return []


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, float]]]:
    """What an autoscaler is asked for; there is none."""
    asked: list[list[dict[str, float]]] = []
    monkeypatch.setattr(
        cluster.planning.capacity, "request_resources", lambda bundles, **_: asked.append(bundles)
    )
    return asked


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
    """One of them with a label, one core each."""
    nodes = Cluster(initialize_head=True, head_node_args=NODE)
    ray.init(address=nodes.address)
    nodes.add_node(**NODE, labels={"pool": "trainers"})
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def machines() -> list[Machine]:
    return of_nodes(ray.nodes())


def test_an_autoscaler_is_asked_for_what_is_there_at_the_same_time() -> None:
    def of(phase: str, name: str, count: int, gpus: float) -> Role:
        return Role(name, phase, count, 1, 1.0, gpus, Footprint(NOTHING))

    rollout = [of("rollout", "policy", 4, 1), of("rollout", "backbone", 3, 1), of("rollout", "learner", 1, 1)]
    assert largest_phase([*rollout, of("sft", "sft", 4, 1)]) == rollout
    assert largest_phase([*rollout, of("sft", "sft", 9, 1)]) == [of("sft", "sft", 9, 1)]
    no_gpu = [of("rollout", "policy", 4, 0), of("sft", "sft", 2, 0)]
    assert largest_phase(no_gpu) == no_gpu[:1]


@pytest.mark.slow
def test_a_machine_that_comes_late_is_waited_for(
    two_nodes: Cluster, said: list[str], requested: list[list[dict[str, float]]]
) -> None:
    config = ClusterConfig(scorers=3, threads=1)
    came = []

    def come(message: str) -> None:
        said.append(message)
        came.append(two_nodes.add_node(**NODE))

    plan = wait_for_plan(config, WORK, machines(), BACKBONE, 60, come)
    assert [machine.cpus for machine in plan.machines] == [1, 1, 1]
    assert len(said) == 1
    assert said[0].startswith("waiting up to 60 s for more machines (cluster.wait_timeout): role 'backbone'")
    assert "(1 short)" in said[0]
    # Asked for once, and no longer when they are there.
    assert requested == [[{"CPU": 0.333}] * 3, []]
    two_nodes.remove_node(came.pop())
    deadline = time.monotonic() + 60
    while len(machines()) > 2 or ray.available_resources()["CPU"] != 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_machines_that_do_not_come_are_waited_for_no_longer(
    two_nodes: Cluster, said: list[str], requested: list[list[dict[str, float]]]
) -> None:
    config = ClusterConfig(scorers=5, threads=1)
    with pytest.raises(ValueError, match="role 'backbone'") as error:
        wait_for_plan(config, WORK, machines(), BACKBONE, 1, said.append)
    assert "short)" in str(error.value)
    assert str(error.value).endswith("No more machines came within 1 s (cluster.wait_timeout).")
    assert requested[-1] == []
    with pytest.raises(ValueError, match=r"Lower cluster\.scorers to \d\.$"):
        wait_for_plan(config, WORK, machines(), BACKBONE, 0, said.append)


@pytest.mark.slow
def test_room_that_others_use_is_waited_for(
    two_nodes: Cluster, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = placement_group([{"CPU": 1}])
    assert others.wait(30)

    def leave(message: str) -> None:
        said.append(message)
        remove_placement_group(others)

    wait_for_room([role(2)], 60, leave)
    assert said == [
        "waiting up to 60 s for room (cluster.wait_timeout): role 'backbone' asks for 2 x (1 CPU); in the cluster 1 of "
        "2 CPU free"
    ]
    # Nothing of it stays reserved; the nodes tell of it when they come to it.
    monkeypatch.setattr(cluster.planning.capacity, "QUIET_SECONDS", 60)
    wait_for_room([role(2)], 60, said.append)
    assert len(said) == 1


@pytest.mark.slow
def test_all_processes_need_room_at_the_same_time_and_on_machines_with_their_labels(
    two_nodes: Cluster, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.planning.capacity, "QUIET_SECONDS", 60)
    wait_for_room([role(1), role(1, "learner", pool="trainers")], 60, said.append)
    assert not said
    for wanted in ([role(3)], [role(2, pool="trainers")], [role(1, pool="none")]):
        with pytest.raises(
            ValueError, match=r"no room within 1 s \(cluster.wait_timeout\): role 'backbone' asks for"
        ):
            wait_for_room(wanted, 1, said.append)


@pytest.mark.slow
def test_workers_are_on_machines_with_their_labels(two_nodes: Cluster, tmp_path: Path) -> None:
    # Inside, so that it travels by its code: the workers do not know the tests.
    def body(config: dict[str, Any]) -> None:
        import ray

        Path(config["file"]).write_text(ray.get_runtime_context().get_node_id())

    workers = Workers(1, 0.5, use_gpu=False, labels={"pool": "trainers"})
    run_workers(body, {"file": str(tmp_path / "node")}, workers, "labels", tmp_path / "ray")
    (labelled,) = (n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Labels"].get("pool") == "trainers")
    assert (tmp_path / "node").read_text() == labelled


@pytest.mark.slow
def test_workers_that_lost_their_machine_are_not_waited_for_for_ever(
    two_nodes: Cluster, tmp_path: Path
) -> None:
    lost = two_nodes.add_node(**NODE, labels={"pool": "lost"})

    def body(config: dict[str, Any]) -> None:
        Path(config["file"]).touch()
        time.sleep(600)

    def lose_machine() -> None:
        while not (tmp_path / "started").exists():
            time.sleep(0.1)
        two_nodes.remove_node(lost, allow_graceful=False)

    losing = threading.Thread(target=lose_machine)
    losing.start()
    workers = Workers(1, 0.5, use_gpu=False, max_failures=1, start_timeout=10, labels={"pool": "lost"})
    with pytest.raises(
        ValueError,
        match=r"of 'lost', 1 x \(0.5 CPU, pool=lost\), were not there within 10 s \(cluster.timeout\)",
    ):
        run_workers(body, {"file": str(tmp_path / "started")}, workers, "lost", tmp_path / "ray")
    losing.join()
