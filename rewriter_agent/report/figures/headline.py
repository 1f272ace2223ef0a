"""The result in one picture: what each model gained on the task, and what it lost elsewhere."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from rewriter_agent.evaluate.summary import ModelSummary

from .svg import COLOURS, INK, drawing, in_points

ROWS = ("on the task", "elsewhere")
WIDTH = 0.8
"""Height of the bars of a row together; rows are 1 apart."""


def headline(arms: Sequence[ModelSummary], names: Mapping[str, str]) -> Markup:
    """A bar for each fine-tuned arm on the task, and one elsewhere: right is better than the backbone."""
    tuned = [arm for arm in arms if arm.arm != "base"]
    height = WIDTH / len(tuned)

    def draw(axes: Axes) -> None:
        for place, arm in enumerate(tuned):
            gain, forgetting = arm.against_base.gain, arm.against_base.forgetting
            values = [gain.value, -forgetting.value]
            below = [gain.value - gain.low, forgetting.high - forgetting.value]
            above = [gain.high - gain.value, forgetting.value - forgetting.low]
            axes.barh(
                [row + (place + 0.5) * height - WIDTH / 2 for row in range(len(ROWS))],
                [in_points(value) for value in values],
                0.85 * height,
                xerr=[[in_points(end) for end in ends] for ends in (below, above)],
                color=COLOURS[arm.arm],
                error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2},
                label=names[arm.arm],
            )
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(ROWS)), ROWS)
        axes.set_ylim(len(ROWS) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("points against the backbone (right is better)")
        handles, labels = axes.get_legend_handles_labels()
        axes.figure.legend(handles, labels, loc="outside upper center", ncols=len(tuned), fontsize=9)

    return drawing("headline", (4.2, 2.3), draw)
