"""What a cluster on this machine shows to others: its sockets, and the user's keys."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.config import ClusterConfig
from cluster.credentials import VARIABLE, hand_over, write_credentials
from cluster.head import Head, local_head
from cluster.loopback import is_loopback
from rewriter_agent.commands.ray_job import run_job

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).parents[2]
SECRET = "hf_MadeUpAndFoundNowhere"
DRIVER = """
import time, ray
ray.init(log_to_driver=False)
worker = ray.remote(type("Worker", (), {"pid": lambda self: 1})).options(num_cpus=0.1).remote()
ray.get(worker.pid.remote())
print("up", flush=True)
time.sleep(60)
"""
JOB = f"""
import os, pathlib, sys, ray
from cluster.credentials import load_credentials
load_credentials()
assert "{SECRET[:5]}" in os.environ["HF_TOKEN"]
ray.init(log_to_driver=False)

@ray.remote
class Engine:
    def knows(self):
        return os.environ["HF_TOKEN"].startswith("{SECRET[:5]}")

engines = [Engine.options(num_cpus=0.1, runtime_env={{"env_vars": {{"OMP_NUM_THREADS": "1"}}}}).remote() for _ in "12"]
assert all(ray.get([engine.knows.remote() for engine in engines]))
pathlib.Path(sys.argv[1]).write_text("all know it")
print("waits", flush=True)
"""


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    """A head whose logs are its own."""
    folder = Path("/tmp") / f"network-{os.getpid()}"
    folder.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with local_head(ClusterConfig(port=0, dashboard_port=0)) as head:
        yield head
    subprocess.run(["rm", "-r", folder], check=True)


def test_every_server_of_a_head_listens_on_loopback_alone(head: Head) -> None:
    # Drivers and workers listen, too: one of each waits while we look.
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env=head.env | {"RAY_ADDRESS": head.cluster},
        stdout=subprocess.PIPE,
        text=True,
    ) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "up\n"
        ours = {process.pid for process in psutil.Process().children(recursive=True)}
        found = [s for s in psutil.net_connections("inet") if s.status == "LISTEN" and s.pid in ours]
        driver.kill()
    assert driver.pid in {socket.pid for socket in found}
    assert len({socket.pid for socket in found}) > 6
    assert [s for s in found if not is_loopback(s.laddr.ip.removeprefix("::ffff:"))] == []


def test_a_jobs_keys_reach_its_workers_and_no_log(
    head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("HF_TOKEN", SECRET)
        path = write_credentials(tmp_path)
    assert path is not None
    command = [sys.executable, "-c", JOB, str(tmp_path / "found")]
    assert run_job(head.address, command, hand_over(path), head.token) == 0
    assert (tmp_path / "found").read_text() == "all know it"
    listed = subprocess.run(
        [Path(sys.executable).with_name("ray"), "job", "list", "--address", head.address],
        env=head.env,
        capture_output=True,
        text=True,
        check=True,
    )
    told = listed.stdout + listed.stderr + "".join(capfd.readouterr())
    assert VARIABLE in told
    assert SECRET not in told
    logs = [file for file in Path(os.environ["RAY_TMPDIR"]).rglob("*") if file.is_file()]
    assert len(logs) > 10
    assert [file for file in logs if SECRET.encode() in file.read_bytes()] == []
