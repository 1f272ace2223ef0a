"""The shareable part of a config, without paths on the machine of the run."""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from rewriter_agent.config import RunConfig
from rewriter_agent.models.resolve import is_on_hub

NAMES = (
    ("model", "name_or_path"),
    ("data", "name"),
    ("reward", "embedding_model"),
    ("reward.reference.entailment", "model"),
    ("reward.reference.similarity", "model"),
)
"""Keys that hold a name on the Hugging Face hub, or a folder."""
FILES = (
    ("data", "train"),
    ("data", "test"),
    ("prompts", "rewrite"),
    ("rewrite", "rewriter"),
    ("sft.replay", "path"),
    ("evaluate", "include_path"),
    ("reward.reference.judge", "url"),
)
"""Keys that hold a path or an address."""
TEXTS = (("reward.reference.verifier", "source"), ("reward.reference.judge.rubric", "text"))
"""Keys that hold the text of a file of the user's."""


def public_name(name_or_path: str) -> str:
    """Keep a name on the hub; shorten a folder to the last part of its path."""
    return name_or_path if is_on_hub(name_or_path) else Path(name_or_path).expanduser().absolute().name


def _sections(tree: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Find the section, and the sources in it if the data is a mix; empty if the section is left out."""
    section = tree
    for part in name.split("."):
        section = section.get(part) or {}
    return [section, *section.get("sources", {}).values()]


def _last_part(given: str | list[str]) -> str | list[str]:
    return Path(given).name if isinstance(given, str) else [Path(path).name for path in given]


def _hash(text: str) -> str:
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def public_config(config: RunConfig, sections: Collection[str]) -> str:
    """Dump the sections as YAML; paths are shortened to their last part, and texts of files to a hash."""
    tree: dict[str, Any] = config.model_dump(mode="json", include=set(sections))
    for keys, shown in ((NAMES, public_name), (FILES, _last_part), (TEXTS, _hash)):
        for section, key in keys:
            for options in _sections(tree, section):
                if options.get(key):
                    options[key] = shown(options[key])
    if evaluate := tree.get("evaluate"):
        evaluate["retention"] = [Path(name).name for name in evaluate["retention"]]
        for benchmark in evaluate["benchmarks"]:
            benchmark["path"] = public_name(benchmark["path"])
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip()
