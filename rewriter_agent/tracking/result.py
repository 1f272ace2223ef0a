"""Tracking of a finished stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewriter_agent.config import RunConfig
from rewriter_agent.runtime.stage import Stage

from .artifacts import OUTPUTS, log_artifacts
from .axis import EVALUATION
from .stage_log import stage_log
from .wandb_runs import WandbLog

EVALUATIONS = "evaluate-"


def track_result(stage: Stage, config: RunConfig, folder: Path, counts: Mapping[str, Any]) -> None:
    """Log an evaluation's numbers, the artifact that the stage produced, and the artifacts that it used."""
    evaluates = stage.name.startswith(EVALUATIONS)
    if not evaluates and stage.name not in OUTPUTS:
        return
    with stage_log(config, folder) as log:
        if evaluates:
            log.metrics(EVALUATION, _steps(stage, config), counts)
        if isinstance(log, WandbLog):
            log_artifacts(log.run, stage, config, counts)


def _steps(stage: Stage, config: RunConfig) -> int:
    """Optimiser steps of the model that the stage evaluates; 0 for an untrained one."""
    manifests = [before.read_manifest(config) or {} for before in stage.before(config)]
    return sum(manifest.get("counts", {}).get("steps", 0) for manifest in manifests)
