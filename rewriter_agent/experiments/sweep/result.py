"""The numbers of a sweep, and its table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from rewriter_agent.evaluate.result import ModelResult
from rewriter_agent.evaluate.statistics import Change
from rewriter_agent.evaluate.summary import ModelSummary, summarise
from rewriter_agent.experiments.results import measured
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.report.text_table import text_table
from rewriter_agent.runtime.run_folder import StageFolder

if TYPE_CHECKING:
    from .trials import Trial


COLUMNS = (
    "data",
    "weight",
    "rate",
    "seed",
    "loss",
    "unweighted",
    "ess",
    "kl",
    "task",
    "gain",
    "retention",
    "forgetting",
)


@dataclass(frozen=True)
class TrialResult:
    """One fine-tuning, measured."""

    data: str
    weight: str
    learning_rate: float
    seed: int
    steps: int
    loss: float
    """Last logged loss, under the weights."""
    unweighted_loss: float
    """Last logged loss without weights, comparable between weights."""
    ess: float
    """Effective sample size as a share of the tokens, over the last logged steps."""
    probe_kl: float | None
    """KL on the probe after the last step; None without a probe."""
    curve: list[tuple[int, float]]
    """Steps with their unweighted loss."""
    summary: ModelSummary


def trial_result(trial: "Trial", folder: Path, base: ModelResult) -> TrialResult:
    """Read the result of a trial that has been trained and evaluated in `folder`."""
    lines = read_jsonl(StageFolder(folder).metrics)
    last = lines[-1]
    result = measured(folder)
    return TrialResult(
        data=trial.data,
        weight=trial.weight,
        learning_rate=trial.sft.learning_rate,
        seed=trial.seed,
        steps=last["step"],
        loss=last["loss"],
        unweighted_loss=last["unweighted_loss"],
        ess=last["ess"],
        probe_kl=last.get("probe/kl"),
        curve=[(line["step"], line["unweighted_loss"]) for line in lines],
        summary=summarise({"base": base, trial.data: result})[1],
    )


def read_results(path: Path) -> list[TrialResult]:
    """Read a `sweep.json`."""
    return TypeAdapter(list[TrialResult]).validate_json(path.read_bytes())


def sweep_table(results: Sequence[TrialResult]) -> str:
    """Format the results for the terminal, a line a trial."""
    return text_table(COLUMNS, [_cells(result) for result in results], labels=2)


def sweep_csv(results: Sequence[TrialResult]) -> str:
    """A row a trial; shares as fractions."""
    rows = [_numbers(result) for result in results]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _cells(r: TrialResult) -> list[str]:
    s, against = r.summary, r.summary.against_base
    return [
        r.data,
        r.weight,
        f"{r.learning_rate:.1e}",
        str(r.seed),
        f"{r.loss:.3f}",
        f"{r.curve[0][1]:.3f} to {r.unweighted_loss:.3f}",
        f"{r.ess:.2f}",
        "–" if r.probe_kl is None else f"{r.probe_kl:.4f}",
        f"{s.task.value:.1%}",
        _points(against.gain),
        f"{s.retention_mean.value:.1%}",
        _points(against.forgetting),
    ]


def _points(change: Change) -> str:
    return f"{100 * change.value:+.1f} ± {100 * change.stderr:.1f}"


def _numbers(r: TrialResult) -> dict[str, object]:
    s, against = r.summary, r.summary.against_base
    own = {key: value for key, value in asdict(r).items() if key not in ("summary", "curve")}
    return {
        **own,
        "task": s.task.value,
        "task_lenient": s.task_lenient,
        "gain": against.gain.value,
        "gain_stderr": against.gain.stderr,
        **{f"retention/{name}": estimate.value for name, estimate in s.retention.items()},
        "retention": s.retention_mean.value,
        "forgetting": against.forgetting.value,
        "forgetting_stderr": against.forgetting.stderr,
    }
