"""Rows to fine-tune on: expert solutions, rewritten targets, and the backbone's own answers for the probe."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from rewriter_agent.config.method import trains_on
from rewriter_agent.config.outcomes import EXPERT_FALLBACK, TOOL_CALL
from rewriter_agent.config.strategies import StrategyName
from rewriter_agent.io.files import read_table
from rewriter_agent.prepare.records import prepared_file
from rewriter_agent.rewrite.tally import nothing_accepted
from rewriter_agent.runtime.session import Session
from sft.config.replay import REPLAY
from sft.data.rows import SFTRow, drop_long_rows, read_rows

EXPERT, OWN = "expert", "own"
TARGET = ("problem_id", "target_ids", "behavior_logprobs", "behavior", "outcome", "prior_logprobs")


def expert_rows(session: Session) -> Iterator[tuple[str, SFTRow]]:
    """Yield the expert's solutions, which are point masses, each with the id of its problem."""
    columns = ("id", "prompt_ids", "expert_ids", "expert_logprobs")
    for row in read_table(prepared_file(session.config), columns):
        ids = row["expert_ids"]
        sft_row = SFTRow(row["prompt_ids"], ids, [0.0] * len(ids), "expert", EXPERT, row["expert_logprobs"])
        yield row["id"], sft_row


def rewritten_rows(session: Session, rewrites: Path) -> Iterator[tuple[str, SFTRow]]:
    """Yield the targets in a file of rewrites that the method trains on, each with the id of its problem."""
    prompts = {
        row["id"]: array("i", row["prompt_ids"])
        for row in read_table(prepared_file(session.config), ("id", "prompt_ids"))
    }
    for row in read_table(rewrites, TARGET):
        if not trains_on(session.config.method, row["outcome"]):
            continue
        problem_id = row["problem_id"]
        yield (
            problem_id,
            SFTRow(
                list(prompts[problem_id]),
                row["target_ids"],
                row["behavior_logprobs"],
                row["behavior"],
                row["outcome"],
                row["prior_logprobs"],
            ),
        )


def with_replay(session: Session, rows: Sequence[SFTRow], share: float) -> list[SFTRow]:
    """Append the replay rows that make up this share of all rows; if there are too few, they repeat.

    Rows that are too long for training do not count.

    Raises:
        ValueError: all replay rows are too long.
    """
    longest = session.config.sft.max_length
    given = drop_long_rows(read_rows(session.folder.stage(REPLAY).rows), longest)
    if not given:
        raise ValueError(f"no row of sft.replay has at most sft.max_length={longest} tokens; raise it")
    wanted = max(1, round(len(drop_long_rows(rows, longest)) * share / (1 - share)))
    return [*rows, *islice(cycle(given), wanted)]


def own_answers(session: Session) -> Iterator[SFTRow]:
    """The backbone's own answers to the first training questions."""
    rows = read_table(prepared_file(session.config), ("prompt_ids", "own_ids", "own_logprobs"))
    for row in islice(rows, session.config.sft.probe_size):
        yield SFTRow(row["prompt_ids"], row["own_ids"], None, "none", OWN, row["own_logprobs"])


def require_rewritten(rows: Sequence[SFTRow], strategy: StrategyName) -> None:
    """Raise ValueError if no target was accepted: the rows are none, or equal those of the expert's solutions."""
    if all(row.outcome in (EXPERT_FALLBACK, TOOL_CALL) for row in rows):
        left = (
            f"all {len(rows)} targets are the expert's solutions"
            if rows
            else "there is no target to train on"
        )
        raise ValueError(nothing_accepted(strategy, left))


def problems_dropped(session: Session) -> dict[str, int]:
    """Count the problems that the method has no row of; empty if it drops none by rule."""
    if session.config.method == "rewrite":
        return {}
    outcomes = (row["outcome"] for row in read_table(session.folder.rewrite.rewrites, ("outcome",)))
    return {"problems_dropped": sum(not trains_on(session.config.method, outcome) for outcome in outcomes)}
