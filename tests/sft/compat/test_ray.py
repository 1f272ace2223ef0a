"""Environment of Ray Train's controller."""

import os
from types import SimpleNamespace

import pytest
import ray
from ray.train.v2._internal.constants import get_env_vars_to_propagate

from sft.compat.ray import controller_env


@pytest.mark.parametrize("before", [None, "elsewhere:1"])
def test_the_controller_gets_its_environment_while_it_runs(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="here:2"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if before:
        monkeypatch.setenv("RAY_ADDRESS", before)

    def train() -> None:
        with controller_env(start_timeout=7):
            variables = get_env_vars_to_propagate()
            assert variables["RAY_ADDRESS"] == "here:2"
            assert variables["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] == "7"
            raise KeyError("a training that fails")

    with pytest.raises(KeyError):
        train()
    assert os.environ.get("RAY_ADDRESS") == before
    assert "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S" not in os.environ
