"""The results as a Markdown table, for a model card."""

from collections.abc import Sequence

from rewriter_agent.evaluate.summary import ModelSummary
from rewriter_agent.push.redact import public_name

from .changes import PartChange, part_changes
from .data import ReportData
from .format import Interval, percent, points

HEADER = ("model", "task", "gain", "retention", "forgetting")


def markdown_table(data: ReportData, verdict: str, titles: dict[str, str]) -> str:
    """One row an arm, then one a benchmark; percent and points with 95 % intervals."""
    arms = [[titles[arm.arm], *_arm(arm)] for arm in data.arms]
    names = [titles[arm.arm] for arm in data.arms]
    parts = [_part(part) for group in part_changes(data.arms).values() for part in group]
    base = data.arms[0]
    caption = (
        f"Percent and points with 95 % bootstrap intervals over items; n = {base.task.n} test problems and "
        f"{base.retention_mean.n} retention items. Gain: task accuracy minus base. Forgetting: base retention minus "
        f"retention, less is better. Backbone: {_escaped(public_name(data.model))}."
    )
    return (
        "\n\n".join([verdict, _table(HEADER, arms), caption, _table(("benchmark", "n", *names), parts)])
        + "\n"
    )


def _arm(arm: ModelSummary) -> list[str]:
    scores = [_percent(arm.task), _percent(arm.retention_mean)]
    against = arm.against_base
    changes = ["–", "–"] if arm.arm == "base" else [_points(against.gain), _points(against.forgetting)]
    return [scores[0], changes[0], scores[1], changes[1]]


def _part(part: PartChange) -> list[str]:
    return [_escaped(part.name), str(part.about.strict.n), *map(_percent, part.compared.values())]


def _percent(value: Interval) -> str:
    return f"{percent(value.value)} ({percent(value.low)} to {percent(value.high)})"


def _points(value: Interval) -> str:
    return f"{points(value.value)} ({points(value.low)} to {points(value.high)})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
