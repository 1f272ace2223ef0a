"""Measurements of a sweep, and its table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter_agent.evaluate.result import ModelResult
from rewriter_agent.evaluate.statistics import Estimate
from rewriter_agent.experiments.measurements import fine_tuning, measured, over_items
from rewriter_agent.experiments.results import Measurement
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
LOSS = "unweighted_loss"


def trial_result(trial: "Trial", folder: Path, base: ModelResult) -> Measurement:
    """Read the measurement of a trial that has been trained and evaluated in `folder`; its arm is its data."""
    training, result = StageFolder(folder), measured(folder)
    return replace(
        fine_tuning(trial.data, trial.seed, trial.sft.learning_rate, training, result, base),
        weight=trial.weight,
        over_items=over_items(result, base),
        curves={LOSS: [(line["step"], line[LOSS]) for line in read_jsonl(training.metrics)]},
    )


def sweep_table(results: Sequence[Measurement]) -> str:
    """Format the results for the terminal, a line a trial."""
    return text_table(COLUMNS, [_cells(result) for result in results], labels=2)


def sweep_csv(results: Sequence[Measurement]) -> str:
    """A row a trial; shares as fractions."""
    rows = [_numbers(result) for result in results]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _cells(result: Measurement) -> list[str]:
    metrics, over = result.metrics, result.over_items
    return [
        result.arm,
        result.weight or "",
        f"{result.learning_rate:.1e}",
        str(result.seed),
        f"{metrics['loss']:.3f}",
        f"{result.curves[LOSS][0][1]:.3f} to {metrics[LOSS]:.3f}",
        f"{metrics['ess']:.2f}",
        f"{metrics['probe_kl']:.4f}" if "probe_kl" in metrics else "–",
        f"{metrics['task']:.1%}",
        _points(over["gain"]),
        f"{metrics['retention']:.1%}",
        _points(over["forgetting"]),
    ]


def _points(change: Estimate) -> str:
    return f"{100 * change.value:+.1f} ± {100 * change.stderr:.1f}"


def _numbers(result: Measurement) -> dict[str, object]:
    metrics, over = result.metrics, result.over_items
    return {
        "data": result.arm,
        "weight": result.weight,
        "learning_rate": result.learning_rate,
        "seed": result.seed,
        "steps": int(metrics["steps"]),
        **{name: metrics.get(name) for name in ("loss", LOSS, "ess", "probe_kl", "task", "task_lenient")},
        "gain": metrics["gain"],
        "gain_stderr": over["gain"].stderr,
        **{name: value for name, value in metrics.items() if name.startswith("retention/")},
        "retention": metrics["retention"],
        "forgetting": metrics["forgetting"],
        "forgetting_stderr": over["forgetting"].stderr,
    }
