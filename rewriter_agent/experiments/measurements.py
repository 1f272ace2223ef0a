"""Measurements of fine-tuned models, read from the folders of their training and evaluation."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from rewriter_agent.config import RunConfig
from rewriter_agent.config.evaluate import LAB_STORIES
from rewriter_agent.config.method import trains_student
from rewriter_agent.evaluate.result import STRICT, ModelResult, read_result
from rewriter_agent.evaluate.statistics import Change, Estimate, paired
from rewriter_agent.evaluate.summary import summarise
from rewriter_agent.io.files import read_json, read_jsonl
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder

from .results import Measurement

EVALUATION = "evaluation"


def is_measured(folder: Path) -> bool:
    """Whether the fine-tuning in `folder` has been evaluated."""
    return StageFolder(folder / EVALUATION).result.exists()


def measured(folder: Path) -> ModelResult:
    """Read the evaluation of the fine-tuning in `folder`."""
    return read_result(StageFolder(folder / EVALUATION).result)


def fine_tuning(
    arm: str, seed: int, learning_rate: float, training: StageFolder, result: ModelResult, base: ModelResult
) -> Measurement:
    """Measure one fine-tuning, whose log lies in `training`, against the backbone."""
    last = read_jsonl(training.metrics)[-1]
    metrics = {**model_metrics(result), **changes(result, base), **_training(last)}
    return Measurement(arm, seed, metrics, learning_rate)


def student(
    arm: str, seed: int, learning_rate: float, training: StageFolder, result: ModelResult, base: ModelResult
) -> Measurement:
    """Measure one student, whose training on its own rollouts is logged in `training`, against the backbone."""
    counts = read_json(training.manifest)["counts"]
    metrics = {
        **model_metrics(result),
        **changes(result, base),
        **{key: counts[key] for key in ("steps", "tokens", "rollouts", "generated_tokens")},
        "seconds": read_json(training.manifest)["wall_seconds"],
    }
    return Measurement(arm, seed, metrics, learning_rate)


def run_measurements(folder: RunFolder, config: RunConfig) -> list[Measurement]:
    """Read the arms of a complete run: the backbone, SFT on the expert's solutions, and the method's own model."""
    base = read_result(folder.evaluation("base").result)
    expert, rewritten = (read_result(folder.evaluation(arm).result) for arm in ("expert", "rewritten"))
    seed, rate = config.seed, config.sft.learning_rate
    if trains_student(config.method):
        own = student("rewritten", seed, config.train.learning_rate, folder.student, rewritten, base)
    else:
        own = fine_tuning("rewritten", seed, rate, folder.fine_tuning("rewritten"), rewritten, base)
    return [
        Measurement("base", seed, {**model_metrics(base), **changes(base, base)}),
        fine_tuning("expert", seed, rate, folder.fine_tuning("expert"), expert, base),
        own,
    ]


def model_metrics(result: ModelResult) -> dict[str, float]:
    """Scores of one model, flat and without intervals, which take minutes for all models of a study."""
    known = {part.name: fmean(part.knowledge.values()) for part in result.retention}
    found = {
        "task": fmean(result.task.scores[STRICT].values()),
        "task_lenient": fmean(result.task.knowledge.values()),
        **{name: fmean(scores.values()) for name, scores in result.task.scores.items() if "@" in name},
        "finished": result.task.metrics["finished"],
        "retention": fmean(known.values()),
        **{f"retention/{name}": value for name, value in known.items()},
        **{f"benchmark/{part.name}": fmean(part.scores[STRICT].values()) for part in result.benchmarks},
    }
    return found | ({"nll": result.drift.nll} if result.drift else {})


def changes(result: ModelResult, base: ModelResult) -> dict[str, float]:
    """Differences of one model from the backbone, item by item."""
    task = paired(result.task.scores[STRICT], base.task.scores[STRICT])
    before = {part.name: part for part in base.retention}
    kept = {part.name: paired(part.knowledge, before[part.name].knowledge) for part in result.retention}
    items = sum(len(part.model) for part in kept.values())
    return {
        "gain": task.difference,
        **_forgetting({name: -part.difference for name, part in kept.items()}),
        "lost": sum(part.lost for part in kept.values()) / items,
        "gained": sum(part.gained for part in kept.values()) / items,
        **({"kl": result.drift.kl} if result.drift else {}),
        **({"kl_general": result.general_drift.kl} if result.general_drift else {}),
    }


def _forgetting(lost: Mapping[str, float]) -> dict[str, float]:
    """Average the loss over all tasks; if some are the laboratory's stories, also over these and over the others."""
    parts = {
        "stories": [value for name, value in lost.items() if name in LAB_STORIES],
        "skills": [value for name, value in lost.items() if name not in LAB_STORIES],
    }
    each = {f"forgetting/{part}": fmean(values) for part, values in parts.items() if values}
    return {"forgetting": fmean(lost.values()), **(each if len(each) > 1 else {})}


def over_items(result: ModelResult, base: ModelResult) -> dict[str, Estimate]:
    """Main metrics with their intervals over items."""
    summary = summarise({"base": base, "model": result})[1]
    against = summary.against_base
    return {
        "task": summary.task,
        "gain": _estimate(against.gain),
        "retention": summary.retention_mean,
        "forgetting": _estimate(against.forgetting),
    }


def _training(last: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of the last log line of a training."""
    found = {
        "steps": last["step"],
        "loss": last["loss"],
        "unweighted_loss": last["unweighted_loss"],
        "ess": last["ess"],
        "tokens": last["num_tokens"],
        "seconds": last["elapsed"],
        **{key: value for key, value in last.items() if key.startswith("unweighted_loss/")},
    }
    return found | ({"probe_kl": last["probe/kl"]} if "probe/kl" in last else {})


def _estimate(change: Change) -> Estimate:
    return Estimate(change.value, change.stderr, change.n, change.low, change.high)
