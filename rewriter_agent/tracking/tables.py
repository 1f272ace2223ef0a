"""Tables with a bounded number of samples; the Parquet files hold all of them."""

from collections.abc import Iterable, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from rewriter_agent.io.files import read_table
from rewriter_agent.runtime.run_folder import StageFolder

from .wandb_runs import wandb_table

REWRITES = (
    "problem_id",
    "question",
    "expert_solution",
    "target_text",
    "outcome",
    "reason",
    "selected",
    "false_steps",
)
SCORES = ("alignment", "diversity", "total", "mean_logprob", "coverage", "tail")


def log_completions(folder: Path, step: int, rows: int) -> None:
    """Log the first `rows` completions of a step to the process's W&B run, under the key that TRL uses.

    `folder` is the learner's, in which TRL's `log_completions` has written the step as consecutive whole groups.
    """
    import wandb

    path = folder / "completions" / f"completions_{step:05d}.parquet"
    table = [
        {**row, **{key: _text(row[key]) for key in ("prompt", "completion")}} for row in _first(path, rows)
    ]
    wandb.log({"completions": wandb_table(table)})


def rewrites(folder: StageFolder, rows: int) -> list[dict[str, Any]]:
    """Read the first `rows` targets, each with the scores of the candidate that became the target, if one did."""
    targets = _first(folder.rewrites, rows, REWRITES)
    wanted = {row["problem_id"] for row in targets}
    candidates: dict[str, list[dict[str, Any]]] = {problem_id: [] for problem_id in wanted}
    # Both tables are in the order of the problems: the wanted candidates come first.
    for candidate in takewhile(
        lambda row: row["problem_id"] in wanted, read_table(folder.candidates, ("problem_id", *SCORES))
    ):
        candidates[candidate["problem_id"]].append(candidate)
    return [_rewrite(row, candidates[row["problem_id"]]) for row in targets]


def _rewrite(row: dict[str, Any], candidates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    selected = row.pop("selected")
    row["false_steps"] = "; ".join(step["text"] for step in row["false_steps"] or ())
    score = {} if selected is None else candidates[selected]
    return row | {"candidates": len(candidates), **{key: score.get(key) for key in SCORES}}


def _first(path: Path, rows: int, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
    return list(islice(read_table(path, list(columns) if columns else None), rows))


def _text(messages: list[dict[str, str]]) -> str:
    return "\n\n".join(message["content"] for message in messages)
