"""A study's table, for the terminal and as Markdown."""

from collections.abc import Sequence

from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.report.text_table import text_table

from .costs import COSTS, total_cost
from .premise import predictions
from .results import ArmResult, Point, StudyResult

COLUMNS = (
    "arm",
    "rate",
    "task",
    "avg",
    "retention",
    "forgetting",
    "stories",
    "lost",
    "KL",
    "KL general",
    "rewritten",
    "accepted",
    "false step",
    "rollouts",
    "generated",
    "scored",
)
"""`stories` is the forgetting on the laboratory's ordinary stories alone."""

STORIES = "forgetting/stories"


def study_table(result: StudyResult) -> str:
    """Format a line for each arm and learning rate, the compared rate marked; then how the predictions stand."""
    found = [f"{h.name} {h.standing}: {h.text} ({h.found})" for h in predictions(result)]
    return "\n".join([text_table(COLUMNS, _rows(result, marked="*")), *found])


def study_markdown(result: StudyResult) -> str:
    """Format the same as a Markdown table, and the predictions as a list."""
    rows = [COLUMNS, ("---", *["---:"] * (len(COLUMNS) - 1)), *_rows(result, marked="**")]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    found = [f"- **{h.name}, {h.standing}**: {h.text}. {h.found}" for h in predictions(result)]
    return "\n".join([table, "", *found, ""])


def _rows(result: StudyResult, marked: str) -> list[tuple[str, ...]]:
    base = result.base
    avg = average(base)
    first = (
        "base",
        "",
        _percent(base["task"]),
        _percent(base[avg]) if avg else "–",
        _percent(base["retention"]),
    )
    rows = [(*first, *["–"] * (len(COLUMNS) - len(first)))]
    for arm in result.arms:
        for point in arm.points:
            metrics = point.metrics
            chosen = point.learning_rate == arm.chosen.learning_rate
            rate = f"{point.learning_rate:g}"
            rows.append(
                (
                    arm.arm,
                    (f"**{rate}**" if marked == "**" else f"{marked}{rate}") if chosen else rate,
                    with_interval(metrics["task"]),
                    with_interval(metrics[avg]) if avg else "–",
                    with_interval(metrics["retention"]),
                    with_interval(metrics["forgetting"]),
                    with_interval(metrics[STORIES]) if STORIES in metrics else "–",
                    _percent(metrics["lost"].value),
                    *(f"{metrics[kl].value:.3f}" if kl in metrics else "–" for kl in ("kl", "kl_general")),
                    *_of_source(arm, point),
                )
            )
    return rows


def _of_source(arm: ArmResult, point: Point) -> Sequence[str]:
    """Cells of the arm's targets; their costs include training and answers for replay."""
    found = arm.source
    shares = [
        _percent(found[name].value) if name in found else "–"
        for name in ("rewritten", "accepted", "false_step")
    ]
    costs = [total_cost(arm, point, cost) for cost in COSTS]
    return *shares, *("–" if cost is None else f"{cost:,.0f}" for cost in costs)


def average(metrics: dict[str, float]) -> str | None:
    """Find the name of the mean over sampled answers; None if answers were not sampled."""
    return next((name for name in metrics if name.startswith("avg@") and "lenient" not in name), None)


def with_interval(value: SeedMean) -> str:
    """Format a share in percent, with the interval over seeds if there is one."""
    if not value.has_interval:
        return _percent(value.value)
    return f"{_percent(value.value)} [{_percent(value.low)}, {_percent(value.high)}]"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"
