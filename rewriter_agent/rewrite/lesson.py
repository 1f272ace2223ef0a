"""How rewritten targets get over the invented steps of the laboratory's lessons: measured, never rewarded."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewriter_agent.config.data import DataConfig, LabData, sources_of
from rewriter_agent.config.outcomes import EXPERTS
from rewriter_agent.data.lab_world.lessons import WAYS, way_over
from rewriter_agent.data.lab_world.problems import invented_steps
from rewriter_agent.io.files import read_table

PREFIX = "lesson/"


def lesson_counts(data: DataConfig, rewrites: Path) -> dict[str, int]:
    """Count the rewritten targets by `named`, `hidden` and `false`; empty if the data holds no lessons."""
    parts = [part for part in sources_of(data) if isinstance(part, LabData) and part.task == "lessons"]
    if not parts:
        return {}
    steps = {problem: its for part in parts for problem, its in invented_steps(part).items()}
    found = Counter(
        way_over(row["target_text"], steps[row["problem_id"]])
        for row in read_table(rewrites, ("problem_id", "target_text", "outcome"))
        if row["outcome"] not in EXPERTS and row["problem_id"] in steps
    )
    return {f"{PREFIX}{way}": found[way] for way in WAYS}


def lesson_shares(counts: Mapping[str, Any]) -> dict[str, float]:
    """Read these counts of a manifest as shares of the rewritten targets, by way."""
    found = {way: counts[f"{PREFIX}{way}"] for way in WAYS if f"{PREFIX}{way}" in counts}
    return {way: count / max(1, sum(found.values())) for way, count in found.items()}
