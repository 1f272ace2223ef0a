"""Rules of the `cluster` section."""

import pytest
from pydantic import ValidationError

from cluster.config import ClusterConfig
from cluster.fleet.settings import FleetSettings


def test_min_healthy_is_at_most_the_number_of_engines() -> None:
    with pytest.raises(
        ValidationError, match=r"min_healthy is 2, but there are only 1 of a kind .*lower it to 1"
    ):
        ClusterConfig(engines=4, scorers=1, min_healthy=2)
    assert ClusterConfig(engines=4, scorers=2, min_healthy=2).min_healthy == 2


def test_fleet_settings_follow_the_section() -> None:
    settings = FleetSettings.of(
        ClusterConfig(timeout=60, heartbeat=2, max_restarts=5, min_healthy=1), window=3
    )
    assert settings.health.start_seconds == settings.health.dead_seconds == 60
    assert settings.health.suspect_seconds == 12
    assert (settings.health.max_restarts, settings.heartbeat_seconds, settings.window) == (5, 2, 3)


def test_only_engines_with_adapters_serve_the_backbone_too() -> None:
    with pytest.raises(ValidationError, match=r"scorers is 0, .*set enable_lora=true, .* or scorers=1"):
        ClusterConfig(scorers=0)
    assert ClusterConfig(engines=2, scorers=0, enable_lora=True, min_healthy=2).scorers == 0


def test_one_engine_and_the_learner_share_a_gpu() -> None:
    assert ClusterConfig(device="gpu", colocate=True).colocate is True
    with pytest.raises(ValidationError, match="colocate=true shares a GPU, and device is cpu"):
        ClusterConfig(colocate=True)
    with pytest.raises(ValidationError, match=r"engines is 2, .*set both to 1, or colocate=false"):
        ClusterConfig(device="gpu", colocate=True, engines=2)
