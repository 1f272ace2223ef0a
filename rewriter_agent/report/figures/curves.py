"""Quantities over training steps, as small figures side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes

from rewriter_agent.report.data import Series, SFTCurve, Training

from .svg import COLOURS, CYCLE, LINES, drawing

PANEL = (2.5, 1.85)
MOST_CODES = 6
"""Rules of the gate that are drawn; the commonest."""
TITLES = {
    "gate": "accepted by the gate",
    "alignment": "alignment",
    "diversity": "diversity",
    "total": "reward",
    "self_distillation/distillation_loss": "KL from the teacher",
    "kl": "KL from the backbone",
    "entropy": "entropy (nats)",
    "completions/mean_length": "length (tokens)",
    "completions/clipped_ratio": "share cut off",
    "frac_reward_zero_std": "groups without a signal",
    "sampling/sampling_logp_difference/mean": "sampling mismatch (nats)",
    "sample/staleness_mean": "staleness (steps)",
}
"""Titles of panels, by the name of the logged quantity."""
SHARES = ("gate", "alignment", "diversity", "frac_reward_zero_std", "completions/clipped_ratio")


@dataclass(frozen=True)
class CurvePanel:
    """A small figure, and its ends in words."""

    title: str
    name: str
    """Values as logged."""
    svg: Markup
    ends: dict[str, tuple[float | None, float | None]]
    """First and last value of each line, by its label; "" for the only line."""


def training_panels(training: Training) -> list[CurvePanel]:
    """Reward terms with their spread over candidates, what the gate rejected, and the learner's health."""
    terms = [_panel(name, name, {"": series}) for name, series in training.reward_terms.items()]
    health = [_panel(name, name, {"": series}) for name, series in training.health.items()]
    return [*terms, *health]


def rejected_panel(training: Training) -> CurvePanel | None:
    """Plot the shares of candidates that the commonest rules rejected; None if none was rejected."""
    shown = dict(list(training.rejected.items())[:MOST_CODES])

    def draw(axes: Axes) -> None:
        for (code, series), (colour, line) in zip(shown.items(), CYCLE, strict=False):
            axes.plot(series.steps, _holes(series), line, color=colour, label=code, linewidth=1.3)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("step")
        handles, labels = axes.get_legend_handles_labels()
        axes.figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=8.5)

    if not shown:
        return None
    ends = {code: _ends(series) for code, series in shown.items()}
    return CurvePanel(
        "candidates rejected, share by rule", "rejected", drawing("rejected", (4.2, 2.8), draw), ends
    )


def sft_panels(curves: Mapping[str, SFTCurve]) -> list[CurvePanel]:
    """Unweighted loss (weighted ones cannot be compared between runs), weights, drift and staleness, by arm."""
    shown = {
        "loss (nats a token)": {arm: curve.unweighted_loss for arm, curve in curves.items()},
        "effective sample size": {arm: curve.ess for arm, curve in curves.items()},
        "KL from backbone (nats)": {arm: curve.kl for arm, curve in curves.items()},
        "staleness (steps)": {arm: curve.staleness for arm, curve in curves.items()},
    }
    logged = {title: {a: s for a, s in lines.items() if s.steps} for title, lines in shown.items()}
    return [_panel(f"sft {title}", title, lines) for title, lines in logged.items() if lines]


def losses_by_label(curves: Mapping[str, Sequence[Sequence[tuple[int, float]]]]) -> Markup:
    """Lines of (step, loss), those of a label alike."""

    def draw(axes: Axes) -> None:
        for number, (label, lines) in enumerate(curves.items()):
            colour, line_style = CYCLE[number % len(CYCLE)]
            for first, line in enumerate(lines):
                steps, losses = zip(*line, strict=True)
                name = None if first else label
                axes.plot(steps, losses, line_style, linewidth=1.3, color=colour, label=name)
        axes.set(xlabel="SFT step", ylabel="loss (nats per token)")
        columns = 1 if len(curves) < 4 else 2
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, fontsize=8)

    return drawing("losses", (4.2, 3.2 + 0.16 * len(curves)), draw)


def _panel(name: str, title: str, lines: Mapping[str, Series]) -> CurvePanel:
    """One quantity, a line an arm; a line of no arm (`""`) is the rewriter's."""

    def draw(axes: Axes) -> None:
        for arm, series in lines.items():
            _line(axes, series, arm or "rewritten", arm or None)
        axes.set_ylim(bottom=0 if _never_negative(lines) else None, top=1.05 if name in SHARES else None)
        if len(lines) > 1:
            axes.legend(loc="best", fontsize=8.5)

    ends = {label: _ends(series) for label, series in lines.items()}
    return CurvePanel(TITLES.get(title, title), title, drawing(name, PANEL, draw), ends)


def _never_negative(lines: Mapping[str, Series]) -> bool:
    return all(value is None or value >= 0 for series in lines.values() for value in series.mean)


def _ends(series: Series) -> tuple[float | None, float | None]:
    return series.mean[0], series.mean[-1]


def _holes(series: Series) -> list[float]:
    return [float("nan") if value is None else value for value in series.mean]


def _line(axes: Axes, series: Series, arm: str, label: str | None) -> None:
    colour, mean = COLOURS[arm], _holes(series)
    # A marker keeps a value visible whose neighbours are missing.
    axes.plot(
        series.steps, mean, LINES[arm], color=colour, label=label, marker=".", markersize=3, linewidth=1.4
    )
    if series.std:
        std = [0.0 if value is None else value for value in series.std]
        low = [max(0.0, m - s) for m, s in zip(mean, std, strict=True)]
        high = [m + s for m, s in zip(mean, std, strict=True)]
        axes.fill_between(series.steps, low, high, color=colour, alpha=0.18, linewidth=0)
