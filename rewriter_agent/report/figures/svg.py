"""matplotlib figures as SVG that takes its colours from the style sheet and follows its theme."""

import io
import re
from collections.abc import Callable
from importlib import resources
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, GRID = "#010203", "#010204"
# matplotlib needs literal colours; each is replaced by what the style sheet defines for the theme.
THEME = {
    INK: "currentColor",
    GRID: "var(--line)",
    "#010211": "var(--base)",
    "#010212": "var(--expert)",
    "#010213": "var(--rewritten)",
    "#010214": "var(--other)",
}
COLOURS = {"base": "#010211", "expert": "#010212", "rewritten": "#010213"}
MARKERS = {"base": "o", "expert": "s", "rewritten": "D"}
LINES = {"base": ":", "expert": "--", "rewritten": "-"}
CYCLE = [
    ([*COLOURS.values(), "#010214"][number % 4], ("-", "--", ":", "-.")[(number + number // 4) % 4])
    for number in range(16)
]
"""Colours and lines of things that are no arms: neighbours differ in both."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    # Names come from configs and data.
    "text.parse_math": False,
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


def drawing(name: str, size: tuple[float, float], draw: Callable[[Axes], None]) -> Markup:
    """One pair of axes of `size` inches. `name` must be unique on the page."""

    def fill(figure: Figure) -> None:
        draw(figure.subplots())

    return figure_svg(name, size, fill)


def figure_svg(name: str, size: tuple[float, float], fill: Callable[[Figure], None]) -> Markup:
    """A figure of `size` inches that `fill` draws."""
    # Clip paths are named by a hash: of two figures with one salt they could be confused.
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=size)
        fill(figure)
        return _svg(figure)


def as_file(figure: Markup) -> str:
    """Give a figure the colours of the style sheet, for use without a page around it."""
    theme = resources.files("rewriter_agent.report").joinpath("theme.css").read_text(encoding="utf-8")
    style = f"<style>\n{theme}svg {{ color: var(--ink); background: var(--paper); }}\n</style>"
    return re.sub(r"(<svg[^>]*>)", lambda opening: f"{opening[1]}\n{style}", figure, count=1)


def in_points(share: float) -> float:
    """Convert a share, or a difference of shares, to points."""
    return 100 * share


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for literal, themed in THEME.items():
        svg = svg.replace(literal, themed)
    # matplotlib has escaped all text in it.
    return Markup(svg)
