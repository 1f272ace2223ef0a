"""Offline files of a W&B run, read by W&B's own reader."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

WANDB = Path(sys.executable).with_name("wandb")


class OfflineRun:
    """The records of one `run-<id>.wandb` file; a killed run's last ones may be missing."""

    def __init__(self, file: Path) -> None:
        command = [WANDB, "leet", "inspect", "--json", file]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        self.records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in map(json.loads, lines):
            self.records[record["type"]].append(record.get(record["type"], {}))

    @property
    def id(self) -> str:
        return self.records["run"][0]["run_id"]

    @property
    def group(self) -> str:
        return self.records["run"][0]["run_group"]

    @property
    def job_type(self) -> str:
        return self.records["run"][0]["job_type"]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The logged rows in order."""
        return [record["item"] for record in self.records["history"]]

    @property
    def axes(self) -> dict[str, str]:
        """Step metric of each pattern of names."""
        return {
            record["glob_name"]: record["step_metric"]
            for record in self.records["metric"]
            if "step_metric" in record and "glob_name" in record
        }

    @property
    def artifacts(self) -> list[dict[str, Any]]:
        """Artifacts that were logged, without the tables that W&B keeps as artifacts; metadata as a dict."""
        return [
            record | {"metadata": json.loads(record["metadata"])}
            for record in self.records["artifact"]
            if record["type"] != "run_table"
        ]

    @property
    def config(self) -> dict[str, Any]:
        """Config at the end of the run."""
        merged: dict[str, Any] = {}
        for record in [self.records["run"][0].get("config", {}), *self.records["config"]]:
            merged |= record.get("update", {})
        return merged


def offline_runs(folder: Path) -> list[OfflineRun]:
    """Runs below `folder`, in the order in which they began, without runs killed before anything was written."""
    files = folder.rglob("offline-run-*/run-*.wandb")
    runs = [OfflineRun(file) for file in sorted(files, key=lambda file: file.parent.name)]
    return [run for run in runs if run.records["run"]]


def logged(runs: Iterable[OfflineRun]) -> set[str]:
    """Names of everything that the runs have logged."""
    return {name for run in runs for row in run.history for name in row}


def missing(names: Iterable[str], present: set[str]) -> list[str]:
    """Expected names that no run has logged; a trailing `*` matches any suffix."""

    def found(name: str) -> bool:
        if not name.endswith("*"):
            return name in present
        return any(other.startswith(name[:-1]) for other in present)

    return [name for name in names if not found(name)]


def tables(run: OfflineRun, name: str) -> Iterator[int]:
    """Numbers of rows of the tables logged under a name."""
    return (row[f"{name}.nrows"] for row in run.history if f"{name}.nrows" in row)
