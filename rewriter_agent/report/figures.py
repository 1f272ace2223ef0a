"""Figures as inline SVG whose colours follow the page's theme."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluate.summary import ModelSummary
from .data import Series, SFTCurve
from .over_seeds import ArmOverSeeds

INK, GRID = "#010203", "#010204"
# matplotlib needs literal colours; each is replaced by what the style sheet defines for the theme.
THEME = {
    INK: "currentColor",
    GRID: "var(--line)",
    "#010211": "var(--base)",
    "#010212": "var(--expert)",
    "#010213": "var(--rewritten)",
}
COLOURS = {"base": "#010211", "expert": "#010212", "rewritten": "#010213"}
MARKERS = {"base": "o", "expert": "s", "rewritten": "D"}
LINES = {"base": ":", "expert": "--", "rewritten": "-"}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
}


def tradeoff(arms: Sequence[ModelSummary]) -> str:
    """Gain against forgetting, one point an arm with standard errors; up and left is better."""

    def draw(axes: Axes) -> None:
        for summary in arms:
            _point(axes, summary)

    return _tradeoff("tradeoff", draw, len(arms))


def tradeoff_by_seed(arms: Sequence[ArmOverSeeds]) -> str:
    """Gain against forgetting, one small point a seed, a large one for the mean; up and left is better."""

    def draw(axes: Axes) -> None:
        for arm in arms:
            look: dict[str, Any] = {
                "marker": MARKERS[arm.arm],
                "color": COLOURS[arm.arm],
                "linestyle": "none",
            }
            x, y = arm.forgetting, arm.gain
            axes.plot(_in_points(x.by_seed), _in_points(y.by_seed), markersize=4, alpha=0.6, **look)
            axes.plot(_in_points([x.value]), _in_points([y.value]), markersize=9, label=arm.arm, **look)

    return _tradeoff("seeds", draw, len(arms))


def frontier(points: Sequence[tuple[str, ModelSummary]]) -> str:
    """Gain against forgetting, a mark for each model with the data that it learned from; up and left is better."""

    def draw(axes: Axes) -> None:
        for arm in dict.fromkeys(arm for arm, _ in points):
            against = [summary.against_base for other, summary in points if other == arm]
            axes.plot(
                _in_points([change.forgetting.value for change in against]),
                _in_points([change.gain.value for change in against]),
                marker=MARKERS[arm],
                color=COLOURS[arm],
                linestyle="none",
                label=arm,
            )

    return _tradeoff("frontier", draw, len({arm for arm, _ in points}))


def losses_by_label(curves: Mapping[str, Sequence[Sequence[tuple[int, float]]]]) -> str:
    """Lines of (step, loss), those of a label alike."""
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": "losses"}):
        figure = Figure(figsize=(4.2, 3.2 + 0.16 * len(curves)))
        axes = figure.subplots()
        for number, (label, lines) in enumerate(curves.items()):
            look: dict[str, Any] = {"color": f"C{number % 10}", "linestyle": ("-", "--")[number // 10 % 2]}
            for first, line in enumerate(lines):
                axes.plot(*zip(*line, strict=True), linewidth=1.3, label=None if first else label, **look)
        axes.set(xlabel="SFT step", ylabel="loss (nats per token)")
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1 if len(curves) < 4 else 2, fontsize=8
        )
        return _svg(figure)


def reward_terms(terms: Mapping[str, Series]) -> str:
    """Mean and standard deviation of each reward term over GRPO steps."""
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": "terms"}):
        figure = Figure(figsize=(4.2, 3.6))
        panels = figure.subplots(2, 2, sharex=True).flat
        for axes, (name, series) in zip(panels, terms.items(), strict=True):
            _line(axes, series, "rewritten", None)
            axes.set_title(name, loc="left")
            axes.set_ylim(bottom=0, top=None if name == "total" else 1.05)
        figure.supxlabel("GRPO step", fontsize=9.5)
        return _svg(figure)


def sft_losses(curves: Mapping[str, SFTCurve]) -> str:
    """Unweighted loss of each fine-tuning run: weighted losses are not comparable between runs."""
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": "sft"}):
        figure = Figure(figsize=(4.2, 3.2))
        axes = figure.subplots()
        for arm, curve in curves.items():
            _line(axes, curve.unweighted_loss, arm, arm)
        axes.set(xlabel="SFT step", ylabel="loss (nats per token)")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right")
        return _svg(figure)


def _tradeoff(salt: str, draw: Callable[[Axes], None], arms: int) -> str:
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": salt}):
        figure = Figure(figsize=(4.2, 3.2))
        axes = figure.subplots()
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.axvline(0, color=INK, linewidth=0.8)
        draw(axes)
        axes.margins(0.2)
        axes.set(xlabel="forgetting (points; left is better)", ylabel="gain on the task (points)")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=arms)
        return _svg(figure)


def _in_points(shares: Sequence[float]) -> list[float]:
    return [100 * share for share in shares]


def _point(axes: Axes, summary: ModelSummary) -> None:
    gain, forgetting = summary.against_base.gain, summary.against_base.forgetting
    axes.errorbar(
        forgetting.value * 100,
        gain.value * 100,
        xerr=forgetting.stderr * 100,
        yerr=gain.stderr * 100,
        marker=MARKERS[summary.arm],
        markersize=7,
        linestyle="none",
        capsize=3,
        color=COLOURS[summary.arm],
        label=summary.arm,
    )


def _line(axes: Axes, series: Series, arm: str, label: str | None) -> None:
    colour = COLOURS[arm]
    mean = [float("nan") if value is None else value for value in series.mean]
    # A marker keeps a value visible whose neighbours are missing.
    axes.plot(
        series.steps, mean, LINES[arm], color=colour, label=label, marker=".", markersize=3, linewidth=1.4
    )
    if series.std:
        std = [0.0 if value is None else value for value in series.std]
        low = [max(0.0, m - s) for m, s in zip(mean, std, strict=True)]
        high = [m + s for m, s in zip(mean, std, strict=True)]
        axes.fill_between(series.steps, low, high, color=colour, alpha=0.18, linewidth=0)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for literal, themed in THEME.items():
        svg = svg.replace(literal, themed)
    return svg
