"""Shared options of the benchmarks: a config and overrides."""

import argparse
from pathlib import Path


def config_options(text: str | None, config: str) -> argparse.Namespace:
    """Parse the command line into `config`, a path, and `set`, overrides; `text` is its help."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("config", type=Path, nargs="?", default=Path(config))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()
