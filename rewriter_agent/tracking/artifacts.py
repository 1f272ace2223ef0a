"""Results of a stage as a W&B artifact, with the artifacts that it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rewriter_agent.config import RunConfig
from rewriter_agent.runtime.stage import Stage

from .wandb_runs import run_group

if TYPE_CHECKING:
    import wandb


@dataclass(frozen=True)
class Output:
    """The reusable part of a stage's folder."""

    type: Literal["dataset", "model"]
    paths: tuple[str, ...]


OUTPUTS = {
    "train": Output("model", ("adapter",)),
    "student": Output("model", ("model",)),
    "rewrite": Output("dataset", ("rewrites.parquet", "candidates.parquet", "costs.parquet")),
    "dataset": Output("dataset", ("README.md", "data")),
    "sft-expert": Output("model", ("model",)),
    "sft-rewritten": Output("model", ("model",)),
}
"""Artifact of each stage."""


def log_artifacts(run: "wandb.Run", stage: Stage, config: RunConfig, counts: Mapping[str, Any]) -> None:
    """Declare the artifacts that the stage used, and log the one that it produced.

    The metadata and the run's config also hold the origin, since offline W&B takes no declaration.
    """
    used = [before for before in stage.before(config) if before.name in OUTPUTS]
    lineage = {
        "stage": stage.name,
        "fingerprint": stage.fingerprint(config),
        "inputs": stage.inputs(config),
        "artifacts": [
            f"{artifact_name(config, before.name)}:{before.fingerprint(config)}" for before in used
        ],
    }
    run.config.update({"lineage": lineage}, allow_val_change=True)
    if not run.offline and not run.disabled:
        for before in used:
            # Refer to it by content, not by name: W&B may not know an artifact that was made offline.
            run.use_artifact(_artifact(before.name, config, {}), aliases=[before.fingerprint(config)])
    if stage.name in OUTPUTS:
        artifact = _artifact(stage.name, config, {**lineage, "counts": dict(counts)})
        run.log_artifact(artifact, aliases=["latest", stage.fingerprint(config)])


def artifact_name(config: RunConfig, stage: str) -> str:
    """Name shared by all versions that a stage of this run makes."""
    group = run_group(config)
    return f"{group}-{stage}" if group == config.name else f"{group}-{config.name}-{stage}"


def _artifact(stage: str, config: RunConfig, metadata: dict[str, Any]) -> "wandb.Artifact":
    import wandb

    output = OUTPUTS[stage]
    artifact = wandb.Artifact(artifact_name(config, stage), output.type, metadata=metadata)
    for path in output.paths:
        _add(artifact, config.folder / stage, path, config.tracking.upload_artifacts)
    return artifact


def _add(artifact: "wandb.Artifact", folder: Path, name: str, upload: bool) -> None:
    path = (folder / name).absolute()
    if not upload:
        artifact.add_reference(path.as_uri(), name=name)
    # No copy is needed: a finished stage's files do not change.
    elif path.is_dir():
        artifact.add_dir(str(path), name=name, policy="immutable")
    else:
        artifact.add_file(str(path), name=name, policy="immutable")
