"""A config for a data set that is given by name, without a file."""

import re
from pathlib import Path

from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.data.files import is_data_file, is_saved_set

OTHERS = (".tsv", ".txt")
"""Endings that name a file which the reader refuses."""


def dataset_config(dataset: str, model: str, overrides: list[str]) -> RunConfig:
    """The gap's config for data files, or a data set on the Hugging Face hub, and a model.

    Raises:
        ValueError: an override that does not fit.
    """
    path = Path(dataset)
    is_file = path.is_file() or is_data_file(dataset) or path.suffix in OTHERS or is_saved_set(path)
    # Test rows are not measured, so split off only one.
    file = {"source": "file", "train": dataset, "test_size": 1}
    hub = {"source": "hub", "name": dataset, "test_split": "train[:1]"}
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if is_file else dataset).strip("-._")
    tree = {"name": f"gap-{name}", "model": {"name_or_path": model}, "data": file if is_file else hub}
    return make_config(tree, overrides)
