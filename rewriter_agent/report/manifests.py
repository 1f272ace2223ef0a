"""Manifests of the stages that a report is made from."""

from pathlib import Path
from typing import Any

from rewriter_agent.io.files import read_json
from rewriter_agent.runtime.run_folder import RunFolder

ARMS = ("base", "expert", "rewritten")
STAGES = (
    "prepare",
    "train",
    "rewrite",
    "replay",
    "sft-expert",
    "sft-rewritten",
    *(f"evaluate-{arm}" for arm in ARMS),
    "sweep",
)
OPTIONAL = ("train", "replay", "sweep")


def manifests(run_dir: Path, swept: bool) -> dict[str, dict[str, Any]]:
    """Read the manifests of the stages, in order."""
    found = {stage: _manifest(run_dir, stage) for stage in STAGES if stage not in OPTIONAL}
    # A run with a given rewriter has not trained one; a training in the folder belongs to an earlier config.
    if "train" in found["rewrite"]["inputs"]:
        found["train"] = _manifest(run_dir, "train")
    if "replay" in found["sft-rewritten"]["inputs"]:
        found["replay"] = _manifest(run_dir, "replay")
    if swept:
        found["sweep"] = _manifest(run_dir, "sweep")
    return {stage: found[stage] for stage in STAGES if stage in found}


def _manifest(run_dir: Path, stage: str) -> dict[str, Any]:
    path = RunFolder(run_dir).stage(stage).manifest
    if not path.exists():
        raise ValueError(
            f"stage '{stage}' of {run_dir} is not complete (no {path.name}); a report needs "
            f"{', '.join(s for s in STAGES if s not in OPTIONAL)}. `rewriter-agent run` does every stage in order."
        )
    return read_json(path)
