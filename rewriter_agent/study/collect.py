"""From a study's folders to its numbers."""

from dataclasses import asdict
from statistics import fmean

from ..compare import strategy_result
from ..config import dump_config
from ..evaluate.result import ModelResult, read_result
from ..evaluate.summary import summarise
from ..files import read_jsonl
from ..pipeline import EVALUATE_BASE, REWRITE, TRAIN
from .arms import EXPERT, SOURCES
from .comparison import arm_results
from .layout import Cell, Layout
from .results import TERMS, CellResult, SourceResult, StudyResult
from .stages import BASE, EVALUATION, cell_stage


def collect(layout: Layout, seconds: dict[str, float]) -> StudyResult:
    """Everything that has been measured by now."""
    base = read_result(layout.config.folder / BASE / EVALUATE_BASE.name / "result.json")
    cells = [
        cell_result(cell, base)
        for seed in layout.study.seeds
        for cell in layout.cells(seed)
        if cell_stage(cell).complete(cell.config)
    ]
    done = sorted({cell.seed for cell in cells}, key=layout.study.seeds.index)
    sources = [
        source_result(layout, source, seed)
        for seed in done
        for source in layout.sources
        if source != EXPERT and REWRITE.complete(layout.source_config(source, seed))
    ]
    return StudyResult(
        name=layout.config.name,
        config=dump_config(layout.config),
        seeds=done,
        base=_base_metrics(base),
        arms=arm_results(layout.study.arms, cells, sources),
        cells=cells,
        sources=sources,
        seconds=seconds,
    )


def cell_result(cell: Cell, base: ModelResult) -> CellResult:
    """Of a cell that has been evaluated."""
    result = read_result(cell.folder / EVALUATION / "result.json")
    summary = summarise({"base": base, cell.arm: result})[1]
    lines = read_jsonl(cell.folder / "metrics.jsonl")
    against = summary.against_base
    metrics = {
        "task": summary.task.value,
        "task_lenient": summary.task_lenient,
        **{name: fmean(scores.values()) for name, scores in result.task.scores.items() if "@" in name},
        "finished": summary.finished,
        "gain": against.gain.value,
        "retention": summary.retention_mean.value,
        **{f"retention/{name}": found.value for name, found in summary.retention.items()},
        "forgetting": against.forgetting.value,
        "lost": against.forgetting.lost / against.forgetting.n,
        "gained": against.forgetting.gained / against.forgetting.n,
        "loss": lines[-1]["unweighted_loss"],
        "ess": lines[-1]["ess"],
        "tokens": lines[-1]["num_tokens"],
        "seconds": lines[-1]["elapsed"],
    }
    for outcome, value in lines[-1].items():
        if outcome.startswith("unweighted_loss/"):
            metrics[outcome] = value
    if summary.drift:
        metrics |= {"kl": summary.drift.kl.value, "nll": summary.drift.nll.value}
    return CellResult(cell.arm, cell.learning_rate, cell.seed, metrics)


def source_result(layout: Layout, source: str, seed: int) -> SourceResult:
    """Of a source that has been made."""
    config = layout.source_config(source, seed)
    trained = layout.source_config(SOURCES[source].rewriter or source, seed)
    found = strategy_result(source, REWRITE, config)
    metrics = {
        "rewritten": found.rewritten,
        "logprob": found.logprob,
        "tail": found.tail,
        **({} if found.accepted is None else {"accepted": found.accepted}),
        **(asdict(found.diversity) if found.diversity else {}),
        "rollouts": found.cost["rollouts"],
        "generated_tokens": found.cost["generated_tokens"],
        "scored_tokens": found.cost["scored_tokens"],
        "seconds": found.seconds,
    }
    curves = {}
    if TRAIN.wanted(trained):
        manifest = TRAIN.read_manifest(trained)
        assert manifest is not None, "its rewriter has written"
        metrics["training_rollouts"] = manifest["counts"]["rollouts"]
        metrics["training_tokens"] = manifest["counts"]["generated_tokens"]
        metrics["training_seconds"] = manifest["wall_seconds"]
        lines = read_jsonl(trained.folder / "train" / "metrics.jsonl")
        curves = {
            term: [(x["step"], x[key]) for x in lines if (key := f"reward_terms/{term}_mean") in x]
            for term in TERMS
        }
    return SourceResult(source, seed, metrics, curves)


def _base_metrics(base: ModelResult) -> dict[str, float]:
    summary = summarise({"base": base})[0]
    found = {
        "task": summary.task.value,
        "task_lenient": summary.task_lenient,
        **{name: fmean(scores.values()) for name, scores in base.task.scores.items() if "@" in name},
        "finished": summary.finished,
        "retention": summary.retention_mean.value,
        **{f"retention/{name}": value.value for name, value in summary.retention.items()},
    }
    return found | ({"nll": summary.drift.nll.value} if summary.drift else {})
