"""Config files that build on another: `base: demo.yaml` and only the keys that differ."""

from pathlib import Path
from typing import Any

from rewriter_agent.io.given_file import check_file

from .safe_yaml import read_yaml

BASE = "base"
"""Key with the path of the file to build on, relative to the file that names it."""
KINDS = ("source", "kind")
"""Keys that choose a section's kind; another kind has other keys, so it replaces the section."""
MAX_BASES = 8


def read_config_tree(path: Path) -> dict[str, Any]:
    """Read a config file and merge it over the files that it builds on.

    Sections merge key by key; a value, a list, or a section of another kind replaces the value in the base.

    Raises:
        ValueError: a file is missing or malformed, or bases follow each other in a circle.
    """
    return _read(path, (path,))


def _read(path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    named_by = f"config ('{BASE}' of {chain[-2]})" if len(chain) > 1 else "config"
    tree = read_yaml(path, named_by, "the shipped ones are in configs/") or {}
    if not isinstance(tree, dict):
        raise ValueError(f"{path} must hold sections (model:, data:, ...), got {type(tree).__name__}")
    base = tree.pop(BASE, None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise ValueError(f"{path}: '{BASE}' takes the path of one config file, got {base!r}")
    below = path.parent / base
    check_file(below, f"config ('{BASE}' of {path})", "it is relative to the file that names it")
    if below.resolve() in {file.resolve() for file in chain} or len(chain) > MAX_BASES:
        names = " -> ".join(str(file) for file in (*chain, below))
        raise ValueError(
            f"{names}: config files build on each other in a circle, or more than {MAX_BASES} deep; remove a '{BASE}'"
        )
    return merge(_read(below, (*chain, below)), tree)


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge `changes` over `base`."""
    merged = dict(base)
    for key, value in changes.items():
        old = base.get(key)
        same_kind = isinstance(old, dict) and isinstance(value, dict) and not _other_kind(old, value)
        merged[key] = merge(old, value) if same_kind else value
    return merged


def _other_kind(base: dict[str, Any], changes: dict[str, Any]) -> bool:
    return any(key in base and key in changes and base[key] != changes[key] for key in KINDS)
