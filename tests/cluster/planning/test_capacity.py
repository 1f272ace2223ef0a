"""Waiting for a cluster's machines and their free capacity, on Ray clusters of several nodes."""

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
from cluster.planning.capacity import largest_phase, wait_for_capacity, wait_for_plan
from cluster.planning.machine import Machine, machines_from_ray
from cluster.planning.memory import NO_MEMORY, Footprint
from cluster.planning.roles import Role
from cluster.planning.workload import ModelShape, TrainerWorkload, Workload
from sft.runtime.ray_train import Workers, run_workers

TRAINING = TrainerWorkload(workers=1, batch=1, length=64)
WORK = Workload(ModelShape(1000, 100, 1, 8, 1, 8, 100), 64, TRAINING, TRAINING)
NODE = {"num_cpus": 1, "memory": 8 * 2**30, "object_store_memory": 2**28}
BACKBONE = {"backbone"}


def role(count: int, name: str = "backbone", **labels: str) -> Role:
    return Role(name, "rollout", count, 1, 1.0, 0, Footprint(NO_MEMORY), labels)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines shown to the user, with short waits."""
    monkeypatch.setattr(cluster.planning.capacity, "QUIET_SECONDS", 2)
    monkeypatch.setattr(cluster.planning.capacity, "POLL_SECONDS", 0.3)
    return []


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, float]]]:
    """Requests to an autoscaler, which does not exist here."""
    asked: list[list[dict[str, float]]] = []
    monkeypatch.setattr(
        cluster.planning.capacity, "request_resources", lambda bundles, **_: asked.append(bundles)
    )
    return asked


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
    """Two nodes of one core, one of them labelled."""
    nodes = Cluster(initialize_head=True, head_node_args=NODE)
    ray.init(address=nodes.address)
    nodes.add_node(**NODE, labels={"pool": "trainers"})
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def machines() -> list[Machine]:
    return machines_from_ray(ray.nodes())


def test_an_autoscaler_is_asked_for_what_is_there_at_the_same_time() -> None:
    def of(phase: str, name: str, count: int, gpus: float) -> Role:
        return Role(name, phase, count, 1, 1.0, gpus, Footprint(NO_MEMORY))

    rollout = [of("rollout", "policy", 4, 1), of("rollout", "backbone", 3, 1), of("rollout", "learner", 1, 1)]
    assert largest_phase([*rollout, of("sft", "sft", 4, 1)]) == rollout
    assert largest_phase([*rollout, of("sft", "sft", 9, 1)]) == [of("sft", "sft", 9, 1)]
    no_gpu = [of("rollout", "policy", 4, 0), of("sft", "sft", 2, 0)]
    assert largest_phase(no_gpu) == no_gpu[:1]


@pytest.mark.slow
def test_waits_for_a_machine_that_joins_late(
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
    # Requested once, and withdrawn once they are there.
    assert requested == [[{"CPU": 0.333}] * 3, []]
    two_nodes.remove_node(came.pop())
    deadline = time.monotonic() + 60
    while len(machines()) > 2 or ray.available_resources()["CPU"] != 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_waiting_for_machines_is_limited(
    two_nodes: Cluster, said: list[str], requested: list[list[dict[str, float]]]
) -> None:
    config = ClusterConfig(scorers=5, threads=1)
    with pytest.raises(ValueError, match="role 'backbone'") as error:
        wait_for_plan(config, WORK, machines(), BACKBONE, 1, said.append)
    assert "short)" in str(error.value)
    assert str(error.value).endswith("No more machines joined within 1 s (cluster.wait_timeout).")
    assert requested[-1] == []
    with pytest.raises(ValueError, match=r"Lower cluster\.scorers to \d\.$"):
        wait_for_plan(config, WORK, machines(), BACKBONE, 0, said.append)


@pytest.mark.slow
def test_capacity_that_others_use_is_waited_for(
    two_nodes: Cluster, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = placement_group([{"CPU": 1}])
    assert others.wait(30)

    def leave(message: str) -> None:
        said.append(message)
        remove_placement_group(others)

    wait_for_capacity([role(2)], 60, leave)
    assert said == [
        "waiting up to 60 s for capacity (cluster.wait_timeout): role 'backbone' needs 2 x (1 CPU); in the cluster 1 "
        "of 2 CPU free"
    ]
    # Nothing stays reserved, though nodes report it with a delay.
    monkeypatch.setattr(cluster.planning.capacity, "QUIET_SECONDS", 60)
    wait_for_capacity([role(2)], 60, said.append)
    assert len(said) == 1


@pytest.mark.slow
@pytest.mark.long
def test_all_processes_need_capacity_at_the_same_time_and_on_machines_with_their_labels(
    two_nodes: Cluster, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.planning.capacity, "QUIET_SECONDS", 60)
    wait_for_capacity([role(1), role(1, "learner", pool="trainers")], 60, said.append)
    assert not said
    for wanted in ([role(3)], [role(2, pool="trainers")], [role(1, pool="none")]):
        with pytest.raises(
            ValueError, match=r"no capacity within 1 s \(cluster.wait_timeout\): role 'backbone' needs"
        ):
            wait_for_capacity(wanted, 1, said.append)


@pytest.mark.slow
@pytest.mark.long
def test_workers_are_on_machines_with_their_labels(two_nodes: Cluster, tmp_path: Path) -> None:
    # A nested function is pickled by value: workers cannot import the tests.
    def body(config: dict[str, Any]) -> None:
        import ray

        Path(config["file"]).write_text(ray.get_runtime_context().get_node_id())

    workers = Workers(1, 0.5, num_gpus=0, labels={"pool": "trainers"})
    run_workers(body, {"file": str(tmp_path / "node")}, workers, "labels", tmp_path / "ray")
    (labelled,) = (n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Labels"].get("pool") == "trainers")
    assert (tmp_path / "node").read_text() == labelled


@pytest.mark.slow
@pytest.mark.long
def test_waiting_for_workers_that_have_no_machine_is_limited(two_nodes: Cluster, tmp_path: Path) -> None:
    def body(config: dict[str, Any]) -> None:
        raise AssertionError("no machine has this label")

    workers = Workers(1, 0.5, num_gpus=0, start_timeout=1, labels={"pool": "none"})
    with pytest.raises(
        ValueError,
        match=r"of 'nowhere', 1 x \(0.5 CPU, pool=none\), did not start within 1 s \(cluster.timeout\)",
    ):
        run_workers(body, {}, workers, "nowhere", tmp_path / "ray")


@pytest.mark.slow
@pytest.mark.long
def test_waiting_for_workers_that_lost_their_machine_is_limited(two_nodes: Cluster, tmp_path: Path) -> None:
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
    workers = Workers(1, 0.5, num_gpus=0, max_failures=1, start_timeout=10, labels={"pool": "lost"})
    with pytest.raises(
        ValueError,
        match=r"of 'lost', 1 x \(0.5 CPU, pool=lost\), did not start within 10 s \(cluster.timeout\)",
    ):
        run_workers(body, {"file": str(tmp_path / "started")}, workers, "lost", tmp_path / "ray")
    losing.join()
