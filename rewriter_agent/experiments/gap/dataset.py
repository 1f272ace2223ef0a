"""A config for a data set that is given by name, without a file."""

import re
from pathlib import Path

from rewriter_agent.config import RunConfig, make_config

FILES = (".jsonl", ".parquet", ".json", ".csv", ".tsv", ".txt")
"""Endings that name a file; the reader refuses the formats that it does not know."""


def dataset_config(dataset: str, model: str, overrides: list[str]) -> RunConfig:
    """The gap's config for a .jsonl or .parquet file, or a data set on the Hugging Face hub, and a model.

    Raises:
        ValueError: an override that does not fit.
    """
    is_file = Path(dataset).is_file() or Path(dataset).suffix in FILES
    # Test rows are not measured, so split off only one.
    file = {"source": "file", "train": dataset, "test_size": 1}
    hub = {"source": "hub", "name": dataset, "test_split": "train[:1]"}
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(dataset).stem if is_file else dataset).strip("-._")
    tree = {"name": f"gap-{name}", "model": {"name_or_path": model}, "data": file if is_file else hub}
    return make_config(tree, overrides)
