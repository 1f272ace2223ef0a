"""Gain against forgetting: up and left is better."""

from collections.abc import Callable, Mapping, Sequence
from math import log10
from statistics import fmean
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from rewriter_agent.evaluate.summary import ModelSummary
from rewriter_agent.experiments.results import Measurement
from rewriter_agent.report.data import EvaluationCurve
from rewriter_agent.report.over_seeds import ArmOverSeeds

from .svg import COLOURS, INK, MARKERS, drawing, in_points

SIZE = (4.2, 3.4)
SMALLEST, LARGEST = 4.0, 10.0
"""Marks, in points, of the lowest and the highest learning rate."""
FRONTIER_LINES = ("-", "--", ":", "-.")
"""Line styles, one for each weight."""


def tradeoff(arms: Sequence[ModelSummary], names: Mapping[str, str]) -> Markup:
    """One point an arm, with 95 % intervals; `names` of the arms are in the legend."""

    def draw(axes: Axes) -> None:
        for summary in arms:
            _point(axes, summary, names[summary.arm])

    return _tradeoff("tradeoff", draw, len(arms))


def tradeoff_by_seed(arms: Sequence[ArmOverSeeds], names: Mapping[str, str]) -> Markup:
    """One small point a seed, a large one for the mean."""

    def draw(axes: Axes) -> None:
        for arm in arms:
            look = _look(arm.arm)
            x, y = arm.metrics["forgetting"], arm.metrics["gain"]
            by_seed = [list(map(in_points, of.by_seed.values())) for of in (x, y)]
            axes.plot(*by_seed, markersize=4, alpha=0.6, **look)
            axes.plot([in_points(x.value)], [in_points(y.value)], markersize=9, label=names[arm.arm], **look)

    return _tradeoff("seeds", draw, len(arms))


def curves_on_the_way(evaluation_curves: Mapping[str, EvaluationCurve], names: Mapping[str, str]) -> Markup:
    """Draw a line an arm over its evaluated steps, from the backbone; a large mark for the checkpoint that was kept."""

    def draw(axes: Axes) -> None:
        for arm, of in evaluation_curves.items():
            look: dict[str, Any] = {"color": COLOURS[arm], "marker": MARKERS[arm]}
            places = [(in_points(point.forgetting), in_points(point.gain)) for point in of.points]
            axes.plot(*zip(*places, strict=True), "-", markersize=4, linewidth=1.2, label=names[arm], **look)
            for point, (x, y) in zip(of.points, places, strict=True):
                if point.step == of.kept_step:
                    axes.plot([x], [y], linestyle="none", markersize=9, **look)
                axes.annotate(str(point.step), (x, y), (3, 3), textcoords="offset points", fontsize=7)

    return _tradeoff("evaluation_curves", draw, len(evaluation_curves))


def frontier(results: Sequence[Measurement]) -> Markup:
    """A line for each kind of data and weight over its learning rates, a mark for the mean over seeds of each."""
    kinds = dict.fromkeys((result.arm, result.weight) for result in results)
    weights = list(dict.fromkeys(result.weight for result in results))
    rates = sorted({result.learning_rate for result in results if result.learning_rate is not None})

    def draw(axes: Axes) -> None:
        for data, weight in kinds:
            own = [result for result in results if (result.arm, result.weight) == (data, weight)]
            by_rate = {rate: [result for result in own if result.learning_rate == rate] for rate in rates}
            means = {rate: _mean(found) for rate, found in by_rate.items() if found}
            look: dict[str, Any] = {"color": COLOURS[data], "marker": MARKERS[data]}
            line: dict[str, Any] = {
                "linestyle": FRONTIER_LINES[weights.index(weight) % len(FRONTIER_LINES)],
                "linewidth": 1.2,
            }
            axes.plot([], [], markersize=6, label=f"{data}, {weight}", **look, **line)
            axes.plot(*zip(*means.values(), strict=True), color=COLOURS[data], **line)
            for rate, (x, y) in means.items():
                axes.plot([x], [y], linestyle="none", markersize=_size(rate, rates), **look)

    return _tradeoff("frontier", draw, 1, 0.2 * len(kinds))


def _mean(results: Sequence[Measurement]) -> tuple[float, float]:
    """Forgetting and gain, in points."""
    forgetting, gain = (fmean(r.metrics[name] for r in results) for name in ("forgetting", "gain"))
    return in_points(forgetting), in_points(gain)


def _size(rate: float, rates: Sequence[float]) -> float:
    if len(rates) == 1:
        return (SMALLEST + LARGEST) / 2
    place = (log10(rate) - log10(rates[0])) / (log10(rates[-1]) - log10(rates[0]))
    return SMALLEST + (LARGEST - SMALLEST) * place


def _tradeoff(name: str, draw: Callable[[Axes], None], columns: int, more: float = 0) -> Markup:
    def fill(axes: Axes) -> None:
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.axvline(0, color=INK, linewidth=0.8)
        draw(axes)
        axes.margins(0.15)
        axes.set(
            xlabel="forgetting elsewhere (points; ← better)", ylabel="gain on the task (points; better →)"
        )
        handles, labels = axes.get_legend_handles_labels()
        axes.figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=9)

    return drawing(name, (SIZE[0], SIZE[1] + more), fill)


def _look(arm: str) -> dict[str, Any]:
    return {"marker": MARKERS[arm], "color": COLOURS[arm], "linestyle": "none"}


def _point(axes: Axes, summary: ModelSummary, name: str) -> None:
    """Whiskers reach to the ends of the 95 % intervals."""
    gain, forgetting = summary.against_base.gain, summary.against_base.forgetting
    # The legend shows the mark alone.
    axes.plot([], [], markersize=7, label=name, **_look(summary.arm))
    axes.errorbar(
        in_points(forgetting.value),
        in_points(gain.value),
        xerr=[
            [in_points(forgetting.value - forgetting.low)],
            [in_points(forgetting.high - forgetting.value)],
        ],
        yerr=[[in_points(gain.value - gain.low)], [in_points(gain.high - gain.value)]],
        markersize=7,
        capsize=3,
        **_look(summary.arm),
    )
