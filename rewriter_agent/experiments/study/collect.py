"""Reads a study's numbers from its folders."""

from dataclasses import replace

from rewriter_agent.config import RunConfig, dump_config
from rewriter_agent.config.arms import EXPERT, SOURCES
from rewriter_agent.config.method import trains_student
from rewriter_agent.evaluate.result import ModelResult, read_result
from rewriter_agent.experiments.compare import rewriting_result, training_cost
from rewriter_agent.experiments.measurements import fine_tuning, measured, model_metrics, student
from rewriter_agent.experiments.results import Measurement
from rewriter_agent.pipeline import REPLAY, REWRITE, STUDENT
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder

from .comparison import arm_results
from .costs import COSTS
from .plan import Cell, StudyPlan
from .results import StudyResult, rule_of
from .stages import BASE, cell_stage, source_stage


def collect_study(plan: StudyPlan, seconds: dict[str, float]) -> StudyResult:
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
        if source != EXPERT and _made(plan.source_config(source, seed), source)
    ]
    return StudyResult(
        name=plan.config.name,
        config=dump_config(plan.config),
        seeds=done,
        base=model_metrics(base),
        arms=arm_results(plan.study.arms, cells, sources, rule_of(plan.config)),
        cells=cells,
        sources=sources,
        seconds=seconds,
    )


def cell_result(cell: Cell, base: ModelResult) -> Measurement:
    """Read the measurement of a cell that has been evaluated."""
    read = student if cell.is_student else fine_tuning
    training = RunFolder(cell.config.folder).student if cell.is_student else StageFolder(cell.folder)
    found = read(cell.arm, cell.seed, cell.learning_rate, training, measured(cell.folder), base)
    return (
        replace(found, metrics=found.metrics | _replay_cost(cell.config)) if cell.config.sft.replay else found
    )


def _replay_cost(config: RunConfig) -> dict[str, float]:
    """Count the backbone's answers to general prompts and their tokens; completions that a file gives need none."""
    manifest = REPLAY.read_manifest(config)
    assert manifest is not None, "the cell has its rows"
    return {f"replay_{cost}": manifest["counts"].get(cost, 0) for cost in COSTS}


def source_result(plan: StudyPlan, source: str, seed: int) -> Measurement:
    """Read the measurement of a source that has been made, with the training of its rewriter.

    A student has costs only.
    """
    config = plan.source_config(source, seed)
    if trains_student(config.method):
        return Measurement(source, seed, training_cost(STUDENT, config))
    trained = plan.source_config(SOURCES[source].rewriter or source, seed)
    return rewriting_result(source, REWRITE, config, trained)


def _made(config: RunConfig, source: str) -> bool:
    return source_stage(config, source).complete(config)
