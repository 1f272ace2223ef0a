"""The prepared problems with their anchors, as train and rewrite start from."""

from dataclasses import asdict

import pyarrow.parquet as pq

from reward import Anchors

from .config import RunConfig
from .data.problem import Problem
from .files import read_jsonl
from .scoring import AnchoredProblem


def anchored_problems(config: RunConfig) -> dict[str, AnchoredProblem]:
    """By problem id, in the prepared order."""
    folder = config.folder / "prepare"
    table = pq.read_table(folder / "anchors.parquet", columns=["problem_id", "expert", "own"])
    anchors = {row["problem_id"]: Anchors(row["expert"], row["own"]) for row in table.to_pylist()}
    problems = [Problem(**row) for row in read_jsonl(folder / "train.jsonl")]
    return {p.id: AnchoredProblem(**asdict(p), anchors=anchors[p.id]) for p in problems}
