"""Checks behaviour log-probs: scores some rows again and compares."""

from collections.abc import Collection, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq

from cluster.fleet.fleet import Fleet
from cluster.types import ScoreRequest
from rewriter_agent.config.strategies import Writer
from rewriter_agent.io.files import read_table
from rewriter_agent.scoring.group_scorer import mean

ROWS = 100
TOLERANCE = 0.05
"""Nats per token, mean over the rows. Rounding in bfloat16 stays far below it; other weights or another prompt are far
above."""
COLUMNS = (
    "problem_id",
    "target_ids",
    "writer",
    "prompt_kind",
    "behavior",
    "behavior_logprobs",
)


def check_logprobs(
    rewrites: Path, prepared: Path, fleets: Mapping[Writer, Fleet], temperature: float, seed: int
) -> dict[str, Any]:
    """Compare behaviour log-probs with their model's present ones, over at most `ROWS` random rows.

    Prompts are those of the `prepared` file.
    Log-probs of a rewriter are at its sampling `temperature`, and are compared only if that is 1.

    Raises:
        ValueError: they differ by more than `TOLERANCE` on average.
    """
    total = pq.read_metadata(rewrites).num_rows
    chosen = set(Random(seed).sample(range(total), min(ROWS, total)))
    rows = [row for number, row in enumerate(read_table(rewrites, COLUMNS)) if number in chosen]
    prompts = _prompts(prepared, {row["problem_id"] for row in rows})
    asked: dict[Writer, list[dict[str, Any]]] = {}
    for row in rows:
        if row["behavior"] == "backbone" or temperature == 1:
            asked.setdefault(_model(row), []).append(row)
    found = [
        (difference, row["problem_id"])
        for model, group in asked.items()
        for row, difference in zip(group, _differences(group, prompts, fleets[model]), strict=True)
    ]
    if not found:
        return {}
    average, (most, worst) = mean([difference for difference, _ in found]), max(found)
    if average > TOLERANCE:
        raise ValueError(
            f"the behaviour log-probs of {len(found)} rows in {rewrites} are {average:.3f} nats a token off what "
            f"their models say now (worst: {most:.3f}, problem {worst}); {TOLERANCE} is allowed. The rows "
            "were made by other weights or engines: move the folder away and rewrite again."
        )
    return {
        "rescored": len(found),
        "rescored_difference": round(average, 5),
        "rescored_worst": round(most, 5),
    }


def _model(row: dict[str, Any]) -> Writer:
    """Engines whose log-probs the row has."""
    return row["writer"] if row["behavior"] == "rewriter" else "backbone"


def _prompts(prepared: Path, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Both prompts of some problems, by id."""
    columns = ("id", "prompt_ids", "rewriting_prompt_ids")
    return {row["id"]: row for row in read_table(prepared, columns) if row["id"] in ids}


def _differences(
    rows: list[dict[str, Any]], prompts: Mapping[str, dict[str, Any]], fleet: Fleet
) -> list[float]:
    """Mean absolute difference over each row's tokens, in nats."""
    asked = [ScoreRequest(_prompt(row, prompts[row["problem_id"]]), row["target_ids"]) for row in rows]
    return [
        mean([abs(now - then) for now, then in zip(scored.logprobs, row["behavior_logprobs"], strict=True)])
        for scored, row in zip(fleet.score(asked), rows, strict=True)
    ]


def _prompt(row: dict[str, Any], prompts: Mapping[str, Any]) -> list[int]:
    """Prompt that the log-probs are conditioned on."""
    by_rewriter = row["behavior"] == "rewriter" and row["prompt_kind"] == "rewriting"
    return prompts["rewriting_prompt_ids" if by_rewriter else "prompt_ids"]
