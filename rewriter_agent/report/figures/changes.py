"""Figure of each arm's change from the base model, benchmark by benchmark."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rewriter_agent.evaluate.statistics import Change
from rewriter_agent.report.changes import PartChange

from .svg import COLOURS, INK, MARKERS, figure_svg, in_points

ROW, FRAME = 0.42, 1.1
"""Inches of a part, and of everything around them."""
APART = 0.16
"""Rows between two arms of a part."""


def changes_figure(groups: dict[str, list[PartChange]], names: Mapping[str, str]) -> Markup:
    """A row a part, a mark an arm by its name, whiskers to the ends of the 95 % intervals; panels by kind of part."""
    rows = [len(parts) for parts in groups.values()]

    def fill(figure: Figure) -> None:
        panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=rows)[:, 0]
        for axes, (title, parts) in zip(panels, groups.items(), strict=True):
            _panel(axes, title, parts, names)
        panels[-1].set_xlabel("change against base (points; right is better)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9)

    return figure_svg("changes", (4.2, ROW * sum(rows) + 0.3 * len(groups) + FRAME), fill)


def _panel(axes: Axes, title: str, parts: Sequence[PartChange], names: Mapping[str, str]) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    arms = list(parts[0].changes)
    for place, arm in enumerate(arms):
        offset = APART * (2 * place - len(arms) + 1)
        changes = [part.changes[arm] for part in parts]
        look: dict[str, Any] = {"marker": MARKERS[arm], "color": COLOURS[arm], "linestyle": "none"}
        # The legend shows the mark alone.
        axes.plot([], [], markersize=6, label=names[arm], **look)
        axes.errorbar(
            [in_points(change.value) for change in changes],
            [row + offset for row in range(len(parts))],
            xerr=[_below(changes), _above(changes)],
            markersize=5.5,
            capsize=2,
            elinewidth=1.3,
            **look,
        )
    axes.set_yticks(range(len(parts)), [part.name for part in parts])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.tick_params(axis="y", length=0)


def _below(changes: Sequence[Change]) -> list[float]:
    return [in_points(change.value - change.low) for change in changes]


def _above(changes: Sequence[Change]) -> list[float]:
    return [in_points(change.high - change.value) for change in changes]
