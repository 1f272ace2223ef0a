"""An evaluation for the terminal: a row a measure, a column a model."""

from collections.abc import Mapping

from .result import ModelResult
from .statistics import Change, Estimate
from .summary import ModelSummary, summarise

WIDTH = 22


def evaluation_table(results: Mapping[str, ModelResult]) -> str:
    """Percent and points with 95 % intervals; `results` by arm, `base` among them."""
    arms = summarise(results)
    base = arms[0]
    rows: dict[str, list[str]] = {"": [arm.arm for arm in arms]}
    for name, part in base.parts.items():
        rows[name] = [_percent(arm.parts[name].strict) for arm in arms]
        if part.lenient:
            rows[f"  {name}, lenient"] = [_optional(arm.parts[name].lenient) for arm in arms]
        for sampled in part.sampled:
            rows[f"  {name}, {sampled}"] = [_percent(arm.parts[name].sampled[sampled]) for arm in arms]
    rows["retention, mean"] = [_percent(arm.retention_mean) for arm in arms]
    if len(arms) > 1:
        rows["gain"] = [_points(arm, arm.against_base.gain) for arm in arms]
        rows["forgetting"] = [_points(arm, arm.against_base.forgetting) for arm in arms]
    if base.drift:
        rows["KL from base, nats a token"] = [
            f"{arm.drift.kl.value:.4f}" if arm.drift else "–" for arm in arms
        ]
    label = max(map(len, rows)) + 2
    return "\n".join(
        f"{name:<{label}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells) for name, cells in rows.items()
    )


def _percent(value: Estimate) -> str:
    return f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def _optional(value: Estimate | None) -> str:
    return _percent(value) if value else "–"


def _points(arm: ModelSummary, value: Change) -> str:
    if arm.arm == "base":
        return "–"
    return f"{100 * value.value:+.1f} [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"
