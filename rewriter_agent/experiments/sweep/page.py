"""The sweep as one HTML page: the frontier, the losses and the table."""

from collections.abc import Sequence
from pathlib import Path

from rewriter_agent.experiments.results import Measurement
from rewriter_agent.io.files import atomic
from rewriter_agent.report.figures.curves import losses_by_label
from rewriter_agent.report.figures.tradeoff import frontier
from rewriter_agent.report.templates import environment

from .result import LOSS


def write_page(path: Path, name: str, results: Sequence[Measurement]) -> None:
    """Write the page, which loads nothing, has no scripts, and escapes all text."""
    curves = {
        label: [r.curves[LOSS] for r in results if _label(r) == label] for label in map(_label, results)
    }
    html = (
        environment("rewriter_agent.experiments.sweep")
        .get_template("sweep.html.j2")
        .render(
            name=name,
            results=results,
            frontier=frontier(results),
            losses=losses_by_label(curves),
        )
    )
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _label(result: Measurement) -> str:
    return f"{result.arm}, {result.weight}"
