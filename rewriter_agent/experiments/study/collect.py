"""Reads a study's numbers from its folders."""

from dataclasses import asdict
from statistics import fmean

from rewriter_agent.config import dump_config
from rewriter_agent.evaluate.result import STRICT, ModelResult, read_result
from rewriter_agent.evaluate.statistics import paired
from rewriter_agent.experiments.compare import strategy_result
from rewriter_agent.experiments.results import measured
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.pipeline import REWRITE, TRAIN
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder

from .arms import EXPERT, SOURCES
from .comparison import arm_results
from .plan import Cell, StudyPlan
from .results import TERMS, CellResult, SourceResult, StudyResult
from .stages import BASE, cell_stage


def collect(plan: StudyPlan, seconds: dict[str, float]) -> StudyResult:
    """Read everything that has been measured so far."""
    base = read_result(RunFolder(plan.config.folder / BASE).evaluation("base").result)
    cells = [
        cell_result(cell, base)
        for seed in plan.study.seeds
        for cell in plan.cells(seed)
        if cell_stage(cell).complete(cell.config)
    ]
    done = sorted({cell.seed for cell in cells}, key=plan.study.seeds.index)
    sources = [
        source_result(plan, source, seed)
        for seed in done
        for source in plan.sources
        if source != EXPERT and REWRITE.complete(plan.source_config(source, seed))
    ]
    return StudyResult(
        name=plan.config.name,
        config=dump_config(plan.config),
        seeds=done,
        base=_model_metrics(base),
        arms=arm_results(plan.study.arms, cells, sources),
        cells=cells,
        sources=sources,
        seconds=seconds,
    )


def cell_result(cell: Cell, base: ModelResult) -> CellResult:
    """Read the metrics of a cell that has been evaluated."""
    result = measured(cell.folder)
    lines = read_jsonl(StageFolder(cell.folder).metrics)
    metrics = {
        **_model_metrics(result),
        **_against_base(result, base),
        "loss": lines[-1]["unweighted_loss"],
        "ess": lines[-1]["ess"],
        "tokens": lines[-1]["num_tokens"],
        "seconds": lines[-1]["elapsed"],
    }
    for outcome, value in lines[-1].items():
        if outcome.startswith("unweighted_loss/"):
            metrics[outcome] = value
    return CellResult(cell.arm, cell.learning_rate, cell.seed, metrics)


def source_result(plan: StudyPlan, source: str, seed: int) -> SourceResult:
    """Read the metrics of a source that has been made."""
    config = plan.source_config(source, seed)
    trained = plan.source_config(SOURCES[source].rewriter or source, seed)
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
        lines = read_jsonl(RunFolder(trained.folder).train.metrics)
        curves = {
            term: [(x["step"], x[key]) for x in lines if (key := f"reward_terms/{term}_mean") in x]
            for term in TERMS
        }
    return SourceResult(source, seed, metrics, curves)


def _model_metrics(result: ModelResult) -> dict[str, float]:
    # No intervals: the study has them over seeds, and bootstraps over the items of all cells would take minutes.
    known = {part.name: fmean(part.knowledge.values()) for part in result.retention}
    found = {
        "task": fmean(result.task.scores[STRICT].values()),
        "task_lenient": fmean(result.task.knowledge.values()),
        **{name: fmean(scores.values()) for name, scores in result.task.scores.items() if "@" in name},
        "finished": result.task.metrics["finished"],
        "retention": fmean(known.values()),
        **{f"retention/{name}": value for name, value in known.items()},
    }
    return found | ({"nll": result.drift.nll} if result.drift else {})


def _against_base(result: ModelResult, base: ModelResult) -> dict[str, float]:
    task = paired(result.task.scores[STRICT], base.task.scores[STRICT])
    before = {part.name: part for part in base.retention}
    kept = [paired(part.knowledge, before[part.name].knowledge) for part in result.retention]
    items = sum(len(part.model) for part in kept)
    found = {
        "gain": task.difference,
        "forgetting": -fmean(part.difference for part in kept),
        "lost": sum(part.lost for part in kept) / items,
        "gained": sum(part.gained for part in kept) / items,
    }
    return found | ({"kl": result.drift.kl} if result.drift else {})
