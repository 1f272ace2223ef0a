"""Logs of training as series over steps."""

import math
from collections.abc import Sequence
from typing import Any

from .data import Series, SFTCurve, Training

REWARD_TERMS = ("gate", "alignment", "diversity", "total")
STUDENT_TERMS = ("gate",)
HEALTH = (
    "self_distillation/distillation_loss",
    "kl",
    "entropy",
    "completions/mean_length",
    "completions/clipped_ratio",
    "frac_reward_zero_std",
    "sampling/sampling_logp_difference/mean",
    "sample/staleness_mean",
)
REJECTED = "rejected/"


def training_curves(rows: Sequence[dict[str, Any]], terms: Sequence[str] = REWARD_TERMS) -> Training:
    """Collect the series of a policy's log lines; quantities that no line has are left out."""
    steps = _steps(rows, f"reward_terms/{terms[0]}_mean" if terms else "completions/mean_length")
    logged = {term: _series(steps, f"reward_terms/{term}_mean", f"reward_terms/{term}_std") for term in terms}
    health = {key: _series(steps, key) for key in HEALTH}
    return Training(
        steps=len(steps),
        reward_terms={term: series for term, series in logged.items() if _logged(series)},
        rejected=_rejected(steps),
        health={key: series for key, series in health.items() if _logged(series)},
    )


def sft_curve(rows: Sequence[dict[str, Any]]) -> SFTCurve:
    """Collect the series of fine-tuning's log lines."""
    steps = _steps(rows, "unweighted_loss")
    return SFTCurve(
        _series(steps, "loss"),
        _series(steps, "unweighted_loss"),
        _series(steps, "ess"),
        _series(_steps(rows, "probe/kl"), "probe/kl"),
        _series(_steps(rows, "staleness"), "staleness"),
    )


def _rejected(steps: Sequence[dict[str, Any]]) -> dict[str, Series]:
    """A step logs only the codes that it has candidates of: the others are 0."""
    codes = sorted({key for row in steps for key in row if key.startswith(REJECTED)})
    filled = [dict.fromkeys(codes, 0.0) | row for row in steps]
    commonest = sorted(codes, key=lambda code: -sum(row[code] for row in filled))
    return {code.removeprefix(REJECTED): _series(filled, code) for code in commonest}


def _steps(rows: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Rows that have `key`; of a step that was done again after a restart, the last."""
    latest = {row["step"]: row for row in rows if key in row}
    return [latest[step] for step in sorted(latest)]


def _series(rows: Sequence[dict[str, Any]], mean: str, std: str | None = None) -> Series:
    return Series(
        steps=[row["step"] for row in rows],
        mean=[_finite(row.get(mean)) for row in rows],
        std=[_finite(row.get(std)) for row in rows] if std else [],
    )


def _logged(series: Series) -> bool:
    return any(value is not None for value in series.mean)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
