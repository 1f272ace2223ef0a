"""Content hashes of a run's inputs: an edited file makes results that were made from it stale."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from rewriter_agent.config import RunConfig
from rewriter_agent.config.benchmarks import LAB_COMPOSED
from rewriter_agent.config.data import FileData, LabData, sources_of
from rewriter_agent.config.evaluate import LAB_SKILLS, LAB_STORIES
from rewriter_agent.config.prompts import MATHEMATICS
from rewriter_agent.data.files import is_saved_set, listed, matching
from rewriter_agent.data.lab_world.version import world
from rewriter_agent.data.rewriting_template import template_path
from rewriter_agent.models.lab import LAB_FOLDERS
from rewriter_agent.replay.package_prompts import PROMPTS

PIECES, PIECE = 4096, 4096
WORLD = "lab world"
"""Name of the laboratory's world among the inputs."""


def input_hashes(config: RunConfig) -> dict[str, str]:
    """Content hash of each local data file and of a local model's folder (pieces of its weights).

    If problems or retention items come from the laboratory, its world is hashed, too.
    """
    parts = sources_of(config.data)
    files = [part for part in parts if isinstance(part, FileData)]
    given = [path for part in files for path in (*listed(part.train), *listed(part.test))]
    found = {path: _data_hash(path) for path in given} | _world(config)
    name = config.model.name_or_path
    model = LAB_FOLDERS.get(name, Path(name))
    if model.is_dir():
        found[name] = _folder_hash(model)
    return found


def _world(config: RunConfig) -> dict[str, str]:
    tasks = {part.task for part in sources_of(config.data) if isinstance(part, LabData)}
    retention, benchmarks = config.evaluate.retention, config.evaluate.benchmarks
    if (
        "lessons" in tasks
        or LAB_STORIES.keys() & retention
        or any(b.path == LAB_COMPOSED for b in benchmarks)
    ):
        return {WORLD: world("lessons")}
    return {WORLD: world()} if tasks or set(LAB_SKILLS) & set(retention) else {}


def evaluation_hashes(config: RunConfig) -> dict[str, str]:
    """Content hash of each local file that models are evaluated on: benchmarks, items, definitions of tasks."""
    section = config.evaluate
    files = [benchmark.path for benchmark in section.benchmarks if Path(benchmark.path).is_file()]
    files += [name for name in section.retention if name.endswith(".jsonl")]
    if section.include_path:
        files += [
            str(path) for suffix in ("yaml", "py") for path in section.include_path.rglob(f"*.{suffix}")
        ]
    return {path: _file_hash(Path(path)) for path in sorted(files)}


def replay_hash(config: RunConfig) -> dict[str, str]:
    """Content hash of the general prompts: of the user's file, of the package's, or of the laboratory's world."""
    if config.sft.replay is None:
        return {}
    path = config.sft.replay.path
    if path is None and config.model.name_or_path in LAB_FOLDERS:
        return {WORLD: world()}
    return {str(path or PROMPTS.name): _file_hash(path or PROMPTS)}


def rewriter_hash(config: RunConfig) -> dict[str, str]:
    """Content hash of a rewriter that the config names."""
    folder = config.rewrite.rewriter
    return {str(folder): _folder_hash(folder / "model")} if folder else {}


def template_hash(config: RunConfig) -> dict[str, str]:
    """Content hash of the rewriting prompt's template; empty for the default, which older results were made with."""
    name = config.prompts.rewrite
    return {} if name == MATHEMATICS else {name: _file_hash(template_path(name))}


def model_identity(path: str) -> str:
    """A local model's content hash (of its weights, pieces), or the name of one on the Hugging Face hub."""
    return _folder_hash(Path(path)) if Path(path).is_dir() else path


def _data_hash(given: str) -> str:
    """Content hash of a file, of all files that match a pattern, or of a saved data set."""
    files = [
        part
        for path in matching(given)
        for part in (sorted(path.iterdir()) if is_saved_set(path) else [path])
    ]
    if len(files) == 1:
        return _file_hash(files[0])
    return hashlib.sha256(repr([(file.name, _file_hash(file)) for file in files]).encode()).hexdigest()[:16]


def _folder_hash(folder: Path) -> str:
    weights = {path.name: _weights_hash(path) for path in sorted(folder.glob("*.safetensors"))}
    texts = {
        path.name: _file_hash(path) for suffix in ("json", "jinja") for path in folder.glob(f"*.{suffix}")
    }
    return hashlib.sha256(repr((weights, sorted(texts.items()))).encode()).hexdigest()[:16]


def _weights_hash(path: Path) -> str:
    """Weights are many GiB, so of each file evenly spaced pieces are read; training changes some in any of them."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for position in range(0, size, max(PIECE, size // PIECES)):
            file.seek(position)
            digest.update(file.read(PIECE))
    return digest.hexdigest()[:16]


def _file_hash(path: Path) -> str:
    path = Path(os.path.expanduser(path))
    if not path.exists():
        return "missing"
    status = path.stat()
    return _content_hash(path, status.st_size, status.st_mtime_ns)


@lru_cache
def _content_hash(path: Path, size: int, changed_ns: int) -> str:
    """Size and time of change are there for the cache: an edited file is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
