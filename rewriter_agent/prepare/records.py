"""Output of `prepare` for later stages: training problems with the backbone's log-probs."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reward import Anchors
from rewriter_agent.config import RunConfig
from rewriter_agent.data.conversation import load_conversation
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.files import read_jsonl, read_table
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder
from rewriter_agent.scoring.group_scorer import AnchoredProblem

CONVERSATION = "conversation"
PREPARED = pa.schema(
    [
        *((field.name, pa.string()) for field in fields(Problem) if field.name != CONVERSATION),
        ("prompt_ids", pa.list_(pa.int32())),
        ("rewriting_prompt_ids", pa.list_(pa.int32())),
        ("expert_ids", pa.list_(pa.int32())),
        ("expert_logprobs", pa.list_(pa.float32())),
        ("expert", pa.float64()),
        ("own", pa.float64()),
        ("own_ids", pa.list_(pa.int32())),
        ("own_logprobs", pa.list_(pa.float32())),
    ]
)
"""Columns of the prepared problems; if some are conversations, they have one more."""


def prepared_schema(problems: Iterable[Problem]) -> pa.Schema:
    """Columns of these problems."""
    has_chats = any(problem.conversation is not None for problem in problems)
    return PREPARED.append(pa.field(CONVERSATION, pa.string())) if has_chats else PREPARED


@dataclass(frozen=True)
class Prepared:
    """A training problem with the expert's solution and its log-probs (nats) under the backbone, given the question."""

    problem: AnchoredProblem
    expert_ids: list[int]
    """Includes the end token."""
    expert_logprobs: list[float]


def prepared_file(config: RunConfig) -> Path:
    """Path of the prepared problems."""
    return RunFolder(config.folder).prepare.prepared


def prepared(path: Path) -> Iterator[Prepared]:
    """Read the training problems of a prepared file, in order, one row group in memory at a time."""
    return map(prepared_row, read_table(path))


def prepared_row(row: dict[str, Any]) -> Prepared:
    """Convert a row of PREPARED to a problem."""
    return Prepared(_anchored(row), row["expert_ids"], row["expert_logprobs"])


def anchored_problems(config: RunConfig) -> dict[str, AnchoredProblem]:
    """Read all training problems by id, in the prepared order."""
    return {row.problem.id: row.problem for row in prepared(prepared_file(config))}


def answerable_replies(path: Path) -> list[list[str]]:
    """Ids of the prepared problems whose reply is compared, by the row of the data.

    A conversation has one for each reply that is rewritten, every other row has one.
    """
    if CONVERSATION not in pq.read_schema(path).names:
        return [[row["id"]] for row in read_table(path, ("id",))]
    rows: dict[str, list[str]] = {}
    for row in read_table(path, ("id", "answer", CONVERSATION)):
        chat = None if row[CONVERSATION] is None else load_conversation(row[CONVERSATION])
        if chat is None or row["answer"] or not chat.calls_tools:
            rows.setdefault(chat.place if chat else row["id"], []).append(row["id"])
    return list(rows.values())


def expert_false_share(prepare: StageFolder) -> float | None:
    """Share of the prepared problems whose expert solution holds a false step; None if none was looked for."""
    if not prepare.false_steps.exists():
        return None
    false = {row["id"] for row in read_jsonl(prepare.false_steps)}
    return fmean(row["id"] in false for row in read_table(prepare.prepared, ["id"]))


def _anchored(row: dict[str, Any]) -> AnchoredProblem:
    values: dict[str, Any] = {field.name: row.get(field.name) for field in fields(Problem)}
    return AnchoredProblem(
        **values,
        prompt_ids=array("i", row["prompt_ids"]),
        rewriting_prompt_ids=array("i", row["rewriting_prompt_ids"]),
        anchors=Anchors(row["expert"], row["own"]),
    )
