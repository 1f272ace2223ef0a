"""A study as one HTML page."""

from pathlib import Path

from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.io.files import atomic
from rewriter_agent.report.format import percent, percent_interval, points, points_interval
from rewriter_agent.report.templates import environment

from .costs import COSTS, total_cost
from .figures import family, frontiers, kl_and_forgetting, reward_terms
from .premise import predictions
from .results import StudyResult
from .table import average
from .verdict import differences, study_verdict


def write_page(path: Path, result: StudyResult) -> None:
    """Write the page, which loads nothing, has no scripts, and escapes all text."""
    pages = environment("rewriter_agent.experiments.study")
    pages.filters |= {"over_seeds": _percent, "over_seeds_points": _points, "family": family, "bare": percent}
    html = pages.get_template("study.html.j2").render(
        result=result,
        verdict=study_verdict(result),
        differences=differences(result),
        hypotheses=predictions(result),
        frontiers=frontiers(result.arms),
        kl=kl_and_forgetting(result.arms),
        avg=average(result.base),
        terms=reward_terms(result.sources),
        skills=[name for name in result.base if name.startswith("retention/")],
        benchmarks=[name for name in result.base if name.startswith("benchmark/")],
        lessons=result.teaches_lessons,
        totals={arm.arm: [total_cost(arm, arm.chosen, cost) for cost in COSTS] for arm in result.arms},
        sources={arm.source_name: arm.source for arm in result.arms if arm.source},
        seconds=sum(result.seconds.values()),
    )
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _percent(value: SeedMean) -> str:
    """Format a share, with the interval below it if there are several seeds."""
    return percent_interval(value) if value.has_interval else percent(value.value)


def _points(value: SeedMean) -> str:
    return points_interval(value) if value.has_interval else points(value.value)
