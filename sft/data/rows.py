"""Training rows: token ids as produced by the engine, with log-probs under their writer and under the backbone."""

import math
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from sft.config.sft import SFTConfig
from sft.config.weights import Column

Behavior = Literal["rewriter", "backbone", "expert", "none"]
VOCABULARY = b"vocabulary"

SCHEMA = pa.schema(
    [
        ("prompt_ids", pa.list_(pa.int32())),
        ("completion_ids", pa.list_(pa.int32())),
        ("behavior_logprobs", pa.list_(pa.float32())),
        ("behavior", pa.string()),
        ("outcome", pa.string()),
        ("prior_logprobs", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class SFTRow:
    """One training row.

    Raises:
        ValueError: the ids are empty, log-probs are not one finite value per completion token, or `behavior` does not
            match its log-probs.
    """

    prompt_ids: list[int]
    """Token ids of the prompt, without loss."""

    completion_ids: list[int]
    """Token ids to learn, ending in an end token."""

    behavior_logprobs: list[float] | None
    """Natural-log probability of each completion token under its writer, given the writer's own prompt and at its
    temperature; None if unknown."""

    behavior: Behavior
    """Writer of the completion: the trained `rewriter`, the `backbone`, the `expert` or, without log-probs, `none`.

    The expert's text is a point mass, whose log-probs are 0.
    """

    outcome: str
    """Origin of the completion, for example `rewritten` or `expert_fallback`."""

    prior_logprobs: list[float] | None = None
    """Natural-log probability of each completion token under the backbone given the question, at temperature 1; None if
    unknown."""

    def __post_init__(self) -> None:
        if not self.prompt_ids or not self.completion_ids:
            raise ValueError(
                f"a row needs prompt and completion tokens, got {len(self.prompt_ids)} and "
                f"{len(self.completion_ids)}; leave the row out"
            )
        if self.behavior not in get_args(Behavior):
            raise ValueError(f"behavior is {self.behavior!r}; allowed are {', '.join(get_args(Behavior))}")
        if (self.behavior_logprobs is None) != (self.behavior == "none"):
            raise ValueError(
                f"behavior is {self.behavior!r} but behavior_logprobs is "
                f"{'missing' if self.behavior_logprobs is None else 'given'}; "
                "name the writer of the completion, or give None with behavior 'none'"
            )
        self._check_logprobs("behavior_logprobs", self.behavior_logprobs)
        self._check_logprobs("prior_logprobs", self.prior_logprobs)

    def _check_logprobs(self, name: Column, logprobs: list[float] | None) -> None:
        if logprobs is None:
            return
        if len(logprobs) != len(self.completion_ids):
            raise ValueError(
                f"{len(logprobs)} {name} for {len(self.completion_ids)} completion_ids; give one "
                "per completion token, the end token included"
            )
        for position, logprob in enumerate(logprobs):
            # Rounding in bfloat16 engines can put the log-prob of a certain token slightly above 0.
            if not (math.isfinite(logprob) and logprob <= 1e-2):
                raise ValueError(
                    f"{name}[{position}] is {logprob}; natural-log probabilities are finite and "
                    "not above 0; score the completion again, or give None"
                )

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.completion_ids)


def check_rows(rows: Sequence[SFTRow], sft: SFTConfig, end_token_ids: Collection[int]) -> None:
    """Raise ValueError unless every row suits its rule and ends in one of `end_token_ids`."""
    for outcome in sorted({row.outcome for row in rows}):
        rule = sft.rule(outcome)
        of_outcome = [row for row in rows if row.outcome == outcome]
        if rule.reads is None:
            continue
        missing = sum(getattr(row, rule.reads) is None for row in of_outcome)
        if missing:
            raise ValueError(
                f"weight kind '{rule.kind}' needs {rule.reads}, but {missing} of {len(of_outcome)} rows with "
                f"outcome '{outcome}' have none; score these rows, leave them out, or give the "
                "outcome a kind without them (none, dft, eaft, asft) in outcome_weights"
            )
    endless = [index for index, row in enumerate(rows) if row.completion_ids[-1] not in end_token_ids]
    if endless:
        raise ValueError(
            f"{len(endless)} of {len(rows)} rows do not end in an end token (row {endless[0]} "
            f"ends in id {rows[endless[0]].completion_ids[-1]}, allowed are {sorted(end_token_ids)}); a "
            "model trained on them does not learn to stop: drop truncated completions, or append the token"
        )


def drop_long_rows(rows: Iterable[SFTRow], max_length: int) -> list[SFTRow]:
    """Rows of at most `max_length` tokens (prompt and completion), in order."""
    return [row for row in rows if len(row) <= max_length]


def write_rows(rows: Iterable[SFTRow], path: Path, vocabulary: str = "") -> None:
    """Write a parquet file atomically. `vocabulary` is a hash that identifies the meaning of the ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    pq.write_table(table.replace_schema_metadata({VOCABULARY: vocabulary.encode()}), temporary)
    os.replace(temporary, path)


def read_rows(path: Path) -> list[SFTRow]:
    """Read the rows of a parquet file written by `write_rows`.

    Raises:
        ValueError: an earlier version wrote the file, or SFTRow refuses a row; the message has its number.
    """
    if "prior_logprobs" not in pq.read_schema(path).names:
        raise ValueError(
            f"{path} has no column prior_logprobs: an earlier version wrote it, in which behavior_logprobs were the "
            "backbone's whoever wrote the row. Write the rows again; in a run folder, `rewriter-agent run` does it"
        )
    return [_row(path, number, row) for number, row in enumerate(pq.read_table(path).to_pylist())]


def read_vocabulary(path: Path) -> str:
    """Hash of the vocabulary given to `write_rows`; empty if none was given."""
    return (pq.read_schema(path).metadata or {}).get(VOCABULARY, b"").decode()


def _row(path: Path, number: int, row: dict[str, Any]) -> SFTRow:
    try:
        return SFTRow(**row)
    except ValueError as error:
        raise ValueError(f"{path}, row {number}: {error}") from error
