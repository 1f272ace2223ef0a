"""Checks the log-probs of targets: scores some rows again and compares."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, get_args

import pyarrow.parquet as pq

from cluster.fleet.fleet import Fleet
from cluster.types import ScoreRequest
from rewriter_agent.config.strategies import Writer
from rewriter_agent.io.files import read_table
from rewriter_agent.scoring.group_scorer import mean
from sft.config.weights import Column

ROWS = 100
TOLERANCE = 0.05
"""Nats per token, mean over the rows. Rounding in bfloat16 stays far below it; other weights or another prompt are far
above."""
COLUMNS = ("problem_id", "target_ids", "writer", "prompt_kind", "behavior", *get_args(Column))
Row = dict[str, Any]
Difference = tuple[float, str]
"""Mean absolute difference over a row's tokens, in nats, and the row's problem."""


def check_logprobs(
    rewrites: Path, prepared: Path, fleets: Mapping[Writer, Fleet], temperature: float, seed: int
) -> dict[str, Any]:
    """Compare prior and behaviour log-probs with those of their models now, over at most `ROWS` random rows.

    Prompts are those of the `prepared` file.
    Behaviour log-probs are at the sampling `temperature`, and are compared only if that is 1. The expert's
    text and quotations of it have no model.

    Raises:
        ValueError: either kind differs by more than `TOLERANCE` on average.
    """
    total = pq.read_metadata(rewrites).num_rows
    chosen = set(Random(seed).sample(range(total), min(ROWS, total)))
    rows = [row for number, row in enumerate(read_table(rewrites, COLUMNS)) if number in chosen]
    prompts = _prompts(prepared, {row["problem_id"] for row in rows})
    question = [prompts[row["problem_id"]]["prompt_ids"] for row in rows]
    prior = _differences(rows, "prior_logprobs", question, fleets["backbone"])
    counts = _summary("prior_logprobs", "rescored", prior, rewrites)
    behavior: list[Difference] = []
    for writer, fleet in fleets.items() if temperature == 1 else ():
        theirs = [row for row in rows if row["writer"] == writer and row["behavior"] != "expert"]
        written_from = [_prompt(row, prompts) for row in theirs]
        behavior += _differences(theirs, "behavior_logprobs", written_from, fleet) if theirs else []
    if behavior:
        counts |= _summary("behavior_logprobs", "behavior_rescored", behavior, rewrites)
    return counts


def _summary(column: Column, name: str, found: Sequence[Difference], rewrites: Path) -> dict[str, Any]:
    """Counts for the manifest, under names that begin with `name`."""
    average, (most, worst) = mean([difference for difference, _ in found]), max(found)
    if average > TOLERANCE:
        raise ValueError(
            f"the {column} of {len(found)} rows in {rewrites} are {average:.3f} nats a token off what "
            f"their models say now (worst: {most:.3f}, problem {worst}); {TOLERANCE} is allowed. The rows "
            "were made by other weights or engines: move the folder away and rewrite again."
        )
    return {
        name: len(found),
        f"{name}_difference": round(average, 5),
        f"{name}_worst": round(most, 5),
    }


def _differences(
    rows: Sequence[Row], column: Column, prompts: Sequence[list[int]], fleet: Fleet
) -> list[Difference]:
    """Differences between a column and the fleet's log-probs after these prompts."""
    asked = [ScoreRequest(prompt, row["target_ids"]) for prompt, row in zip(prompts, rows, strict=True)]
    return [
        (
            mean([abs(now - then) for now, then in zip(scored.logprobs, row[column], strict=True)]),
            row["problem_id"],
        )
        for scored, row in zip(fleet.score(asked), rows, strict=True)
    ]


def _prompts(prepared: Path, ids: Collection[str]) -> dict[str, Row]:
    """Both prompts of some problems, by id."""
    columns = ("id", "prompt_ids", "rewriting_prompt_ids")
    return {row["id"]: row for row in read_table(prepared, columns) if row["id"] in ids}


def _prompt(row: Row, prompts: Mapping[str, Row]) -> list[int]:
    """Prompt that the target was written from."""
    key = "rewriting_prompt_ids" if row["prompt_kind"] == "rewriting" else "prompt_ids"
    return prompts[row["problem_id"]][key]
