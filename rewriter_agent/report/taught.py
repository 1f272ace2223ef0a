"""The task of a run in a few words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def taught(data: Mapping[str, Any]) -> str:
    """Name the data of a config's section `data`."""
    match data.get("source"):
        case "file":
            return Path(data["train"]).name
        case "hub":
            return data["name"]
        case "mix":
            return f"a mix of {', '.join(data['sources'])}"
        case "gsm_symbolic":
            return "word problems (GSM-Symbolic)"
        case "sciq":
            return "science questions (SciQ)"
        case _:
            return "problems of the laboratory"
