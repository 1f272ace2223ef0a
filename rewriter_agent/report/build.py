"""The report: one HTML file that needs nothing else, its numbers as JSON, and its results as Markdown."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rewriter_agent.config.method import Method
from rewriter_agent.io.files import atomic, write_json
from rewriter_agent.report.figures.changes import changes_figure
from rewriter_agent.report.figures.curves import rejected_panel, sft_panels, training_panels
from rewriter_agent.report.figures.headline import headline
from rewriter_agent.report.figures.tradeoff import curves_on_the_way, frontier, tradeoff, tradeoff_by_seed
from rewriter_agent.runtime.run_folder import StageFolder

from .changes import part_changes
from .data import ReportData
from .markdown import markdown_table
from .over_seeds import OverSeeds, over_seeds_verdict
from .templates import environment
from .titles import arm_names, arm_titles
from .verdict import beyond_chance, verdict


def build_report(data: ReportData, output: Path) -> None:
    """Write `output` (HTML), and in its folder `report.json` with every number that it shows, and `report.md`.

    The page loads nothing, has no scripts, and escapes all text: questions and model output are untrusted.
    """
    sentence = verdict(data.rewritten_against_expert, data.method)
    parts, names = part_changes(data.arms), arm_names(data.method)
    _write(
        output,
        "report.html.j2",
        {"verdict": sentence, **asdict(data)},
        data.method,
        data=data,
        certain=beyond_chance(data.rewritten_against_expert),
        headline=headline(data.arms, names),
        parts=parts,
        tradeoff=tradeoff(data.arms, names),
        changes=changes_figure(parts, names),
        frontier=frontier(data.sweep) if data.sweep else None,
        training=training_panels(data.training) if data.training else [],
        rejected=rejected_panel(data.training) if data.training else None,
        sft=sft_panels(data.sft),
        on_the_way=curves_on_the_way(data.evaluation_curves, names) if data.evaluation_curves else None,
    )
    with atomic(StageFolder(output.parent).table) as temporary:
        temporary.write_text(markdown_table(data, sentence, arm_titles(data.method)), encoding="utf-8")


def build_over_seeds(data: OverSeeds, output: Path) -> None:
    """Page and numbers of the runs of several seeds."""
    _write(
        output,
        "over_seeds.html.j2",
        {"verdict": over_seeds_verdict(data), **asdict(data)},
        data.method,
        data=data,
        tradeoff=tradeoff_by_seed(data.arms, arm_names(data.method)),
    )


def _write(output: Path, template: str, numbers: dict[str, Any], method: Method, **shown: object) -> None:
    called = {"titles": arm_titles(method), "names": arm_names(method)}
    page = environment("rewriter_agent.report").get_template(template)
    html = page.render(verdict=numbers["verdict"], **called, **shown)
    with atomic(output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    write_json(StageFolder(output.parent).numbers, numbers)
