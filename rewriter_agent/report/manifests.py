"""Manifests of the stages that a report is made from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rewriter_agent.config.method import Method, trains_student
from rewriter_agent.io.files import read_json
from rewriter_agent.runtime.run_folder import RunFolder

ARMS = ("base", "expert", "rewritten")
STAGES = (
    "prepare",
    "train",
    "rewrite",
    "replay",
    "student",
    "sft-expert",
    "sft-rewritten",
    *(f"evaluate-{arm}" for arm in ARMS),
    "sweep",
)
OPTIONAL = {"train": "rewrite", "replay": "sft-rewritten", "sweep": "report"}
"""Stages that not every run has, with the stage that reads them."""
OF_REWRITING, OF_STUDENT = ("rewrite", "sft-rewritten"), ("student",)


def manifests(run_dir: Path, swept: bool) -> dict[str, dict[str, Any]]:
    """Read the manifests of the stages, in order."""
    other = OF_REWRITING if trains_student(method_of(run_dir)) else OF_STUDENT
    needed = [stage for stage in STAGES if stage not in OPTIONAL and stage not in other]
    found = {stage: _manifest(run_dir, stage, needed) for stage in needed}
    # A run with a given rewriter has not trained one; a training in the folder belongs to an earlier config.
    for stage, reader in OPTIONAL.items():
        if stage in found.get(reader, {}).get("inputs", ()):
            found[stage] = _manifest(run_dir, stage, needed)
    if swept:
        found["sweep"] = _manifest(run_dir, "sweep", needed)
    return {stage: found[stage] for stage in STAGES if stage in found}


def method_of(run_dir: Path) -> Method:
    """Read the method of a run from its config; one of an earlier version has none."""
    return yaml.safe_load(RunFolder(run_dir).config.read_text(encoding="utf-8")).get("method", "rewrite")


def _manifest(run_dir: Path, stage: str, needed: Sequence[str]) -> dict[str, Any]:
    path = RunFolder(run_dir).stage(stage).manifest
    if not path.exists():
        raise ValueError(
            f"stage '{stage}' of {run_dir} is not complete (no {path.name}); a report needs "
            f"{', '.join(needed)}. `rewriter-agent run` does every stage in order."
        )
    return read_json(path)
