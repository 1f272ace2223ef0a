"""Tables with a bounded number of samples; the Parquet files hold all of them."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from rewriter_agent.io.files import read_table

from .wandb_runs import wandb_table

REWRITES = (
    "problem_id",
    "question",
    "expert_solution",
    "target_text",
    "outcome",
    "reason",
    "selected",
    "scores",
)
SCORES = ("alignment", "diversity", "total", "mean_logprob")


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


def rewrites(path: Path, rows: int) -> list[dict[str, Any]]:
    """Read the first `rows` targets in `path`, each with its scores if it is a candidate."""
    return [_rewrite(row) for row in _first(path, rows, REWRITES)]


def _rewrite(row: dict[str, Any]) -> dict[str, Any]:
    scores, selected = row.pop("scores"), row.pop("selected")
    # A problem's candidates stand in its first row only.
    score = scores[selected] if selected is not None and scores else {}
    return row | {"candidates": len(scores), **{key: score.get(key) for key in SCORES}}


def _first(path: Path, rows: int, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
    return list(islice(read_table(path, list(columns) if columns else None), rows))


def _text(messages: list[dict[str, str]]) -> str:
    return "\n\n".join(message["content"] for message in messages)
