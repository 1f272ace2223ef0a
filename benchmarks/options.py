"""What most benchmarks are told: a config, and what is to be changed in it."""

import argparse
from pathlib import Path


def config_options(text: str | None, config: str) -> argparse.Namespace:
    """`config`, a path, and `set`, overrides, of the command line; `text` is its help."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("config", type=Path, nargs="?", default=Path(config))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()
