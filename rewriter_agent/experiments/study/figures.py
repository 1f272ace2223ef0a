"""A study's figures."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from rewriter_agent.experiments.results import Measurement
from rewriter_agent.report.curves import REWARD_TERMS
from rewriter_agent.report.figures.curves import TITLES
from rewriter_agent.report.figures.svg import COLOURS, CYCLE, INK, drawing, in_points

from .arms import SOURCES
from .results import ArmResult, Point

MAIN = ("expert", "expert_small_rate", "dft", "mind_the_gap", "best_of_k", "best_of_budget", "rl", "rl_paper")
"""Arms of the first figure; more lines would hide each other."""
PROMPT_COLOUR = CYCLE[3][0]
LOOKS: dict[str, tuple[str, str]] = {
    "expert": ("s", "-"),
    "expert_small_rate": ("s", ":"),
    "dft": ("X", "--"),
    "mind_the_gap": ("v", ":"),
    "best_of_k": ("^", "--"),
    "best_of_budget": ("^", "-"),
    "rl": ("D", "-"),
    "rl_paper": ("D", "--"),
}
"""Marker and line of the main arms."""
SMALLEST, LARGEST = 4.0, 9.0
"""Marks, in points, of the lowest and the highest learning rate."""


def family(arm: str) -> str:
    """Colour class of an arm: who wrote what it is trained on."""
    if arm.startswith("rl"):
        return "rewritten"
    if arm.startswith(("self_train", "grpo", "sdft")):
        return "base"
    return "other" if arm.startswith(("best_of", "mind_the_gap")) else "expert"


def colour(arm: str) -> str:
    """The family's, as matplotlib is given it."""
    return {"other": PROMPT_COLOUR, **COLOURS}[family(arm)]


def frontiers(arms: Sequence[ArmResult]) -> Markup:
    """Gain against forgetting: a line over the rates for each of the main arms, marks growing with the rate."""
    shown = [arm for arm in arms if arm.arm in MAIN]

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.axvline(0, color=INK, linewidth=0.8)
        for arm in shown:
            marker, line = LOOKS[arm.arm]
            x, y = (_values(arm.points, key) for key in ("forgetting", "gain"))
            look: dict[str, Any] = {"color": colour(arm.arm), "linewidth": 1.3}
            axes.plot([], [], line, marker=marker, markersize=6, label=arm.text, **look)
            axes.plot(x, y, line, **look)
            for place, point in enumerate(zip(x, y, strict=True)):
                size = SMALLEST + (LARGEST - SMALLEST) * place / max(1, len(x) - 1)
                axes.plot(*[[end] for end in point], marker=marker, markersize=size, **look)
        axes.margins(0.1)
        axes.set(
            xlabel="forgetting elsewhere (points; ← better)", ylabel="change on the task (points; better →)"
        )
        handles, labels = axes.get_legend_handles_labels()
        axes.figure.legend(handles, labels, loc="outside upper left", ncols=1, fontsize=8.5)

    return drawing("frontiers", (4.6, 3.6 + 0.2 * len(shown)), draw)


def kl_and_forgetting(arms: Sequence[ArmResult]) -> Markup | None:
    """Plot KL from the backbone against forgetting for every arm and rate; None without KL."""
    points = [(arm.arm, point) for arm in arms for point in arm.points if "kl" in point.metrics]
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
                kl = [point.metrics["kl"].value for point in own]
                axes.plot(
                    kl, _values(own, "forgetting"), "o", color=look, markersize=4, alpha=0.8, label=label
                )
        axes.set(xlabel="KL from the backbone (nats a token)", ylabel="forgetting elsewhere (points)")
        if all(point.metrics["kl"].value > 0 for _, point in points):
            axes.set_xscale("log")
            # matplotlib's own labels are formulas, which the pages do not set.
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(loc="best", fontsize=8.5)

    return drawing("kl", (4.2, 3.4), draw)


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
