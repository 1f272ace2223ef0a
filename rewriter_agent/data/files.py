"""Data files that a user names: by path, by pattern, or as a folder of `save_to_disk`."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

KINDS = (".jsonl", ".json", ".csv", ".parquet")
COMPRESSED = {".gz": ("gzip", b"\x1f\x8b"), ".zst": ("zstd", b"\x28\xb5\x2f\xfd")}
"""Compression and first bytes of a file by its last suffix."""
FILE = f"give the path of a {', '.join(KINDS[:-1])} or {KINDS[-1]} file, plain, .gz or .zst"


def kind_of(path: Path) -> tuple[str, str]:
    """Suffix that names the kind of a file, and the one of its compression; each empty without one."""
    packed = path.suffix if path.suffix in COMPRESSED else ""
    kind = Path(path.stem).suffix if packed else path.suffix
    return (kind if kind in KINDS else ""), packed


def is_data_file(name: str) -> bool:
    """Tell whether a name is that of a data file, and not of a data set."""
    return bool(kind_of(Path(name))[0])


def matching(given: str) -> list[Path]:
    """Files of a pattern, sorted; a path is returned whether it exists or not."""
    path = os.path.expanduser(given)
    if not glob.has_magic(path) or os.path.exists(path):
        return [Path(path)]
    return [Path(name) for name in sorted(glob.glob(path, recursive=True))]


def find_files(given: str, key: str) -> list[Path]:
    """Files of a path or pattern; `key` is the config key that names it.

    Raises:
        ValueError: no file matches the pattern.
    """
    found = matching(given)
    if not found:
        raise ValueError(f"{key}: no file matches {given!r}; correct the pattern")
    return found


def listed(given: str | Sequence[str] | None) -> list[str]:
    """Paths and patterns of a key that holds one, several or none."""
    return [given] if isinstance(given, str) else list(given or ())


def is_saved_set(path: Path) -> bool:
    """Tell whether `Dataset.save_to_disk` has written a folder."""
    # The functions of `os.path` take any text for a path.
    return os.path.isfile(os.path.join(path, "state.json"))


def saved_splits(path: Path) -> list[str]:
    """Splits in a folder of `DatasetDict.save_to_disk`, each a folder itself; none in any other folder."""
    if not os.path.isfile(os.path.join(path, "dataset_dict.json")):
        return []
    return sorted(part.name for part in path.iterdir() if is_saved_set(part))
