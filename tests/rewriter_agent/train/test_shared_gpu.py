"""Turns of learner and engines on one GPU."""

from typing import cast

import pytest
import torch

from cluster.fleet.fleet import Fleet
from cluster.types import EngineSpec
from rewriter_agent.train.shared_gpu import SharedGpu


class SleepyFleet:
    """A fleet that notes when it is sent to sleep."""

    def __init__(self, events: list[str], sleep_mode: bool) -> None:
        self.events = events
        self.spec = EngineSpec("", "bfloat16", 8, 1, "gpu", 1, 1, 0.5, 1, 1.0, 0.5, sleep_mode=sleep_mode)

    def sleep(self) -> None:
        self.events.append("sleep")


@pytest.mark.parametrize("sleep_mode", [True, False])
def test_each_frees_the_gpu_for_the_other_once(sleep_mode: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: events.append("free"))
    gpu = SharedGpu(cast(Fleet, SleepyFleet(events, sleep_mode)))
    # Engines work first, as the learner starts.
    for turn in (gpu.for_engines, gpu.for_learner, gpu.for_learner, gpu.for_engines, gpu.for_engines):
        turn()
    assert events == (["sleep", "free"] if sleep_mode else [])
