"""The task of a run in a few words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def taught(data: Mapping[str, Any]) -> str:
    """Name the data of a config's section `data`."""
    match data:
        case {"source": "file", "train": train}:
            paths = [train] if isinstance(train, str) else train
            return ", ".join(Path(path).name for path in paths)
        case {"source": "hub", "name": name}:
            return name
        case {"source": "mix", "sources": sources}:
            return f"a mix of {', '.join(sources)}"
        case {"source": "gsm_symbolic"}:
            return "word problems (GSM-Symbolic)"
        case {"source": "sciq"}:
            return "science questions (SciQ)"
        case {"source": "squad"}:
            return "reading questions (SQuAD)"
        case {"source": "lab"}:
            return "problems of the laboratory"
    return "the training data"
