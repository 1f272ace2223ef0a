"""A run as a job on its own cluster, with other clusters on the same machine."""

import sys
from pathlib import Path

import pytest

from cluster.config import ClusterConfig
from cluster.head import local_head
from rewriter_agent.commands.launch import run_here

FREE_PORTS = ClusterConfig(port=0, dashboard_port=0)
JOIN = """
import pathlib, sys, ray
ray.init()
pathlib.Path(sys.argv[1]).write_text(ray.get_runtime_context().gcs_address)
"""


@pytest.mark.slow
@pytest.mark.long
def test_a_job_joins_the_cluster_that_it_was_submitted_to(tmp_path: Path) -> None:
    with local_head(FREE_PORTS) as head, local_head(FREE_PORTS) as later:
        assert run_here(head, [sys.executable, "-c", JOIN, str(tmp_path / "joined")]) == 0
        port = (tmp_path / "joined").read_text().rpartition(":")[2]
        assert port == head.cluster.rpartition(":")[2] != later.cluster.rpartition(":")[2]
