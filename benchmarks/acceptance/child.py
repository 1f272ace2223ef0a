"""Process of one part: `python -m benchmarks.acceptance.child PART DEVICE FOLDER`."""

import sys
from importlib import import_module
from pathlib import Path

from .parts import PARTS
from .rows import Setting, write_rows

ROWS = "rows.json"


def main() -> None:
    """Run the part and write its rows."""
    name, device, folder = sys.argv[1:]
    (part,) = (part for part in PARTS if part.name == name)
    module = import_module(f".{part.module}", __package__)
    write_rows(Path(folder) / ROWS, getattr(module, name)(Setting(device, Path(folder))))


if __name__ == "__main__":
    main()
