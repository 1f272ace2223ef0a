"""A study's figures."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from rewriter_agent.config.arms import SOURCES
from rewriter_agent.experiments.results import Measurement
from rewriter_agent.report.curves import REWARD_TERMS
from rewriter_agent.report.figures.curves import TITLES
from rewriter_agent.report.figures.svg import COLOURS, CYCLE, INK, drawing, figure_svg, in_points

from .results import ArmResult, Point
from .table import STORIES

PROMPT_COLOUR = CYCLE[3][0]
LOOKS: dict[str, tuple[str, str]] = {
    "expert": ("s", "-"),
    "expert_small_rate": ("s", ":"),
    "expert_replay": ("s", "--"),
    "mind_the_gap": ("v", ":"),
    "best_of_budget": ("^", "-"),
    "prompt_greedy": ("^", "--"),
    "sdft": ("P", "-"),
    "grpo": ("X", "-"),
    "rl": ("D", "-"),
    "rl_greedy": ("D", "--"),
    "accepted_only": ("D", ":"),
}
"""Marker and line of the arms that stand out; all others are grey."""
OTHER = ("o", "-")
GREY: dict[str, Any] = {"color": INK, "alpha": 0.3, "linewidth": 0.8}
MARGIN = 1.3
"""Right edge of a frontier, as a multiple of the most that any arm forgets at its best rate."""
SMALLEST, LARGEST = 4.0, 9.0
"""Marks, in points, of the lowest and the highest learning rate."""


def family(arm: str) -> str:
    """Colour class of an arm: who wrote what it is trained on."""
    if arm.startswith(("rl", "accepted_only")):
        return "rewritten"
    if arm.startswith(("self_train", "grpo", "sdft")):
        return "base"
    return "other" if arm.startswith(("best_of", "mind_the_gap", "prompt")) else "expert"


def colour(arm: str) -> str:
    """The family's, as matplotlib is given it."""
    return {"other": PROMPT_COLOUR, **COLOURS}[family(arm)]


def frontiers(arms: Sequence[ArmResult]) -> Markup:
    """Gain against forgetting: a line over the rates for each arm, marks growing with the rate, the backbone at 0.

    If stories are among the retention tasks, forgetting on them alone is next to forgetting on all tasks.
    """
    looks = _looks(arms)
    parts = {"forgetting": "forgetting elsewhere (points; ← better)"}
    if all(STORIES in point.metrics for arm in arms for point in arm.points):
        parts[STORIES] = "forgetting on ordinary stories alone (points)"

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
        for axes, (key, label) in zip(panels, parts.items(), strict=True):
            _draw_frontiers(axes, arms, looks, key)
            axes.set_xlabel(label)
        panels[0].set_ylabel("change on the task (points; better →)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(parts), fontsize=8.5)

    return figure_svg("frontiers", (4.6 * len(parts), 3.6 + 0.2 * (len(looks) + 2) / len(parts)), fill)


def _looks(arms: Sequence[ArmResult]) -> dict[str, tuple[str, str]]:
    """Choose the arms that stand out: the known ones, and of the others the one with the highest task score."""
    looks = {arm.arm: LOOKS[arm.arm] for arm in arms if arm.arm in LOOKS}
    others = [arm for arm in arms if arm.arm not in looks]
    if others:
        looks[max(others, key=lambda arm: arm.at(arm.best).metrics["task"].value).arm] = OTHER
    return looks


def _draw_frontiers(
    axes: Axes, arms: Sequence[ArmResult], looks: dict[str, tuple[str, str]], key: str
) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.8)
    grey = [arm for arm in arms if arm.arm not in looks]
    for number, arm in enumerate(grey):
        label = f"{len(grey)} other arms" if number == 0 else None
        axes.plot(*_line(arm, key), "-", marker="o", markersize=2.5, label=label, **GREY)
    axes.plot(0, 0, "o", color=INK, markerfacecolor="none", markersize=8, label="base")
    for arm in arms:
        if arm.arm in looks:
            _draw_arm(axes, arm, looks[arm.arm], key)
    axes.margins(0.1)
    # Beyond its best rate an arm loses on both axes, and may forget so much that all others would be one spot.
    most = MARGIN * max(in_points(arm.at(arm.best).metrics[key].value) for arm in arms)
    if 0 < most < axes.get_xlim()[1]:
        least = min(value for arm in arms for value in _values(arm.points, key))
        axes.set_xlim(left=min(MARGIN * least, -most / 10), right=most)


def _draw_arm(axes: Axes, arm: ArmResult, how: tuple[str, str], key: str) -> None:
    marker, line = how
    look: dict[str, Any] = {"color": colour(arm.arm), "linewidth": 1.4}
    x, y = _line(arm, key)
    axes.plot([], [], line, marker=marker, markersize=6, label=arm.text, **look)
    axes.plot(x, y, line, **look)
    for place, point in enumerate(zip(x, y, strict=True)):
        size = SMALLEST + (LARGEST - SMALLEST) * place / max(1, len(x) - 1)
        axes.plot(*[[end] for end in point], marker=marker, markersize=size, **look)


def _line(arm: ArmResult, key: str) -> tuple[list[float], list[float]]:
    return _values(arm.points, key), _values(arm.points, "gain")


def kl_and_forgetting(arms: Sequence[ArmResult]) -> dict[str, Markup]:
    """Plot KL against forgetting for every arm and rate, a figure for each kind of prompt that was measured."""
    kinds = {"to test questions": "kl", "to general prompts": "kl_general"}
    found = {title: _kl(arms, key) for title, key in kinds.items()}
    return {title: figure for title, figure in found.items() if figure}


def _kl(arms: Sequence[ArmResult], key: str) -> Markup | None:
    points = [(arm.arm, point) for arm in arms for point in arm.points if key in point.metrics]
    if not points:
        return None

    def draw(axes: Axes) -> None:
        for name, label in (
            ("expert", "expert's text"),
            ("other", "by prompt"),
            ("base", "own samples"),
            ("rewritten", "RL rewriter"),
        ):
            own = [point for arm, point in points if family(arm) == name]
            if own:
                look = {"other": PROMPT_COLOUR, **COLOURS}[name]
                kl = [point.metrics[key].value for point in own]
                axes.plot(
                    kl, _values(own, "forgetting"), "o", color=look, markersize=4, alpha=0.8, label=label
                )
        axes.set(xlabel="KL from the backbone (nats a token)", ylabel="forgetting elsewhere (points)")
        if all(point.metrics[key].value > 0 for _, point in points):
            axes.set_xscale("log")
            # matplotlib's own labels are formulas, which the pages do not set.
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(loc="best", fontsize=8.5)

    return drawing(key, (4.2, 3.4), draw)


def reward_terms(sources: Sequence[Measurement]) -> dict[str, Markup]:
    """Plot each term, with a line for each trained rewriter: the mean over seeds at each step."""
    trained = [s for s in sources if s.curves and SOURCES[s.arm].rewriter is None]
    names = list(dict.fromkeys(source.arm for source in trained))

    def curve(name: str, term: str) -> list[tuple[int, float]]:
        values: dict[int, list[float]] = {}
        for source in trained:
            if source.arm == name:
                for step, value in source.curves[term]:
                    values.setdefault(step, []).append(value)
        return [(step, fmean(found)) for step, found in sorted(values.items())]

    def draws(term: str) -> Callable[[Axes], None]:
        def draw(axes: Axes) -> None:
            for name, (look, line) in zip(names, CYCLE, strict=False):
                if points := curve(name, term):
                    axes.plot(*zip(*points, strict=True), line, color=look, linewidth=1.3, label=name)
            axes.set_xlabel("step")
            if term == REWARD_TERMS[0]:
                axes.legend(loc="best", fontsize=7.5)

        return draw

    return {
        TITLES[term]: drawing(f"term {term}", (2.9, 2.3), draws(term)) for term in REWARD_TERMS if trained
    }


def _values(points: Sequence[Point], key: str) -> list[float]:
    return [in_points(point.metrics[key].value) for point in points]
