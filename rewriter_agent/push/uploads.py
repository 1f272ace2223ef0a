"""Uploads: the files of a finished stage for one repo, with a card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rewriter_agent.config import RunConfig
from rewriter_agent.config.method import trains_student
from rewriter_agent.models.resolve import is_on_hub
from rewriter_agent.pipeline import DATASET, SFT_REWRITTEN, STUDENT, TRAIN
from rewriter_agent.runtime.stage import Stage

from .cards import adapter_card, model_card, student_card
from .options import Kind

CARD = "README.md"
ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Source:
    """Location of a pushable result in a run folder."""

    stage: Stage
    command: str
    """Command that runs the stage."""
    folder: str
    """Folder within the stage's folder."""
    files: str
    """Pattern of the files to upload; hidden files and the stage's own records are excluded."""


STUDENT_MODEL = Source(STUDENT, "train", "model", "[!.]*")
"""The model of a method that trains the student itself."""
SOURCES: dict[Kind, Source] = {
    "model": Source(SFT_REWRITTEN, "sft", "model", "[!.]*"),
    "adapter": Source(TRAIN, "train", "adapter", "[!.]*"),
    "dataset": Source(DATASET, "rewrite", "", "[!.]*/[!.]*"),
}


@dataclass(frozen=True)
class Upload:
    """The files for one repo."""

    kind: Kind
    repo: str
    files: dict[str, Path | bytes]
    """Files by name in the repo: a path in the run folder, or generated content."""
    card: str

    @property
    def repo_type(self) -> str:
        """Name of the repo's type on the hub."""
        return "dataset" if self.kind == "dataset" else "model"

    def sizes(self) -> dict[str, int]:
        """Size of each file in bytes."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }


def pack(config: RunConfig, repos: Mapping[Kind, str]) -> list[Upload]:
    """Build an upload for each named repo; the run folder is not changed.

    Raises:
        ValueError: the run has no such stage, or has not completed it.
    """
    for kind in repos:
        _require(kind, config)
    return [_upload(kind, repo, config, repos) for kind, repo in repos.items()]


def _source(kind: Kind, config: RunConfig) -> Source:
    return STUDENT_MODEL if kind == "model" and trains_student(config.method) else SOURCES[kind]


def _require(kind: Kind, config: RunConfig) -> None:
    source = _source(kind, config)
    if not source.stage.wanted(config) and trains_student(config.method):
        raise ValueError(
            f"method={config.method} trains the model itself, without a rewriter and without a data set; leave "
            f"--{kind} out, and push the model with --model"
        )
    if not source.stage.wanted(config):
        raise ValueError(
            f"this run trains no rewriting policy (rewrite.strategy={config.rewrite.strategy}, rewrite.rewriter="
            f"{config.rewrite.rewriter}), so it has no adapter; leave --{kind} out, or push it from the run that has"
        )
    if not source.stage.complete(config):
        raise ValueError(
            f"--{kind}: stage '{source.stage.name}' of {config.folder} is not complete, or its inputs have changed "
            f"since; `rewriter-agent {source.command} CONFIG` does it, `rewriter-agent run CONFIG` what it needs too"
        )


def _upload(kind: Kind, repo: str, config: RunConfig, repos: Mapping[Kind, str]) -> Upload:
    source = _source(kind, config)
    folder = config.folder / source.stage.name / source.folder
    found = sorted(path for path in folder.glob(source.files) if path.is_file())
    files: dict[str, Path | bytes] = {path.relative_to(folder).as_posix(): path for path in found}
    match kind:
        case "model":
            student = trains_student(config.method)
            card = student_card(config, repo) if student else model_card(config, repo, repos.get("dataset"))
        case "adapter":
            card = adapter_card(config, repo)
            files[ADAPTER_CONFIG] = _without_folder(folder / ADAPTER_CONFIG)
        case "dataset":
            card = (folder / CARD).read_text(encoding="utf-8")
    return Upload(kind, repo, dict(sorted((files | {CARD: card.encode()}).items())), card)


def _without_folder(adapter_config: Path) -> Path | bytes:
    """Remove a local path of the backbone from PEFT's config, since it means nothing on other machines."""
    tree = json.loads(adapter_config.read_text(encoding="utf-8"))
    if is_on_hub(tree["base_model_name_or_path"]):
        return adapter_config
    return json.dumps(tree | {"base_model_name_or_path": None}, indent=2).encode()
