"""Forecast of a study's cost: counts follow from the config, seconds from the speeds that a pilot has measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from rewriter_agent.config import RunConfig
from rewriter_agent.config.stages import rewrites, trains_rewriter
from rewriter_agent.replay.texts import read_texts
from rewriter_agent.report.format import duration

from .plan import StudyPlan

if TYPE_CHECKING:
    from .pilot import Speeds


@dataclass(frozen=True)
class WorkCounts:
    """Amount of each kind of work in a whole study."""

    seeds: int
    prepared: int
    """Problems measured under the backbone, once per seed for all sources."""
    rewriters: int
    rewriter_steps: int
    training_rollouts: int
    students: int
    """Students that are trained themselves."""
    student_steps: int
    student_rollouts: int
    rollouts: int
    """Most rollouts of rewriting."""
    replay_rollouts: int
    """The backbone's answers to general prompts, once per seed and source with a replay arm."""
    fine_tunings: int
    steps: int
    """Steps of each fine-tuning."""
    refreshed: int
    """Fine-tunings that remake their targets on the way."""


def count_work(plan: StudyPlan) -> WorkCounts:
    """Count the work of a study from its plan."""
    seeds, train = len(plan.study.seeds), plan.config.train
    configs = [plan.source_config(name, plan.study.seeds[0]) for name in plan.sources]
    rewriters = seeds * sum(trains_rewriter(config) for config in configs)
    candidates = train.candidates_per_step
    a_problem = sum(sum(config.rewrite.rollouts) for config in configs if rewrites(config))
    students = [config.train.max_steps for config in configs if not rewrites(config)]
    cells = [cell for cell in plan.cells(plan.study.seeds[0]) if not cell.is_student]
    return WorkCounts(
        seeds=seeds,
        prepared=seeds * plan.problems,
        rewriters=rewriters,
        rewriter_steps=rewriters * train.max_steps,
        training_rollouts=rewriters * train.max_steps * candidates,
        students=seeds * len(students),
        student_steps=seeds * sum(students),
        student_rollouts=seeds * sum(students) * candidates,
        rollouts=seeds * a_problem * plan.problems,
        replay_rollouts=seeds * _replay_rollouts([cell.config for cell in cells if cell.config.sft.replay]),
        fine_tunings=seeds * len(cells),
        steps=plan.steps,
        refreshed=seeds * sum(cell.config.sft.refresh is not None for cell in cells),
    )


def _replay_rollouts(configs: Sequence[RunConfig]) -> int:
    """Count the answers of one seed; arms of the same source share them."""
    of_sources = {config.folder: config for config in configs}.values()
    answered = [config for config in of_sources if config.sft.replay and config.sft.replay.source == "own"]
    return sum(len(read_texts(config)) for config in answered)


def forecast(plan: StudyPlan, speeds: "Speeds", at_a_time: int) -> dict[str, float]:
    """Seconds by phase, `at_a_time` fine-tunings side by side."""
    work = count_work(plan)
    one = speeds.fine_tuning + work.steps * speeds.fine_tuning_step
    rounds = work.seeds * ceil((work.fine_tunings - work.refreshed) / work.seeds / at_a_time)
    parts = plan.study.refresh_parts
    refreshed_rollouts = plan.problems * (parts - 1) / parts * plan.config.rewrite.num_generations
    # A part's worker is started for it, as the learner's is.
    refresh = parts * (one / parts + speeds.rewriter_start) + refreshed_rollouts * speeds.rollout
    # As long as a rewriter's: a little too much, since the backbone scores nothing.
    students = work.students * speeds.rewriter_start + work.student_steps * speeds.rewriter_step
    return {
        "base": speeds.engines_start + speeds.evaluation,
        "rewriters": work.rewriters * speeds.rewriter_start + work.rewriter_steps * speeds.rewriter_step,
        **({"students": students} if work.students else {}),
        "rewriting": work.prepared * speeds.problem_prepared
        # An answer for replay takes about as long as a rewrite.
        + (work.rollouts + work.replay_rollouts) * speeds.rollout,
        "fine-tuning": work.seeds * speeds.processes_start + rounds * one,
        "refreshed": work.refreshed * (refresh + (parts - 1) * speeds.engines_start),
        "evaluation": (work.fine_tunings + work.students) * speeds.evaluation
        + 2 * work.seeds * speeds.engines_start,
    }


def counts_text(plan: StudyPlan) -> str:
    """Describe the work for the terminal."""
    work = count_work(plan)
    students = f"{work.students} students ({work.student_rollouts:,} rollouts), " if work.students else ""
    replay = f"{work.replay_rollouts:,} answers for replay, " if work.replay_rollouts else ""
    return (
        f"study: {work.rewriters} rewriters of {plan.config.train.max_steps} steps "
        f"({work.training_rollouts:,} rollouts), {students}at most {work.rollouts:,} rollouts of rewriting, {replay}"
        f"{work.fine_tunings} fine-tunings of {work.steps} steps, {work.fine_tunings + work.students + 1} evaluations"
    )


def forecast_text(plan: StudyPlan, speeds: "Speeds", at_a_time: int) -> str:
    """Describe the work for the terminal."""
    phases = forecast(plan, speeds, at_a_time)
    work = count_work(plan)
    rollouts = work.rollouts + work.training_rollouts + work.student_rollouts + work.replay_rollouts
    tokens = speeds.tokens * rollouts
    lines = [f"  {name:<14}{duration(seconds):>16}" for name, seconds in phases.items()]
    total = f"  {'in all':<14}{duration(sum(phases.values())):>16}, about {tokens:,.0f} tokens of rewrites"
    return "\n".join([f"study, {at_a_time} fine-tunings at a time:", *lines, total])
