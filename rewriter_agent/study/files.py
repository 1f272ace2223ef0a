"""The files that a study leaves."""

from dataclasses import asdict

from ..files import atomic, write_json
from .collect import collect
from .layout import Layout
from .page import write_page
from .results import StudyResult
from .table import study_markdown


def write_results(layout: Layout, seconds: dict[str, float]) -> StudyResult:
    """Collect what is done and write the study's files."""
    result = collect(layout, seconds)
    folder = layout.config.folder
    write_json(folder / "study.json", asdict(result))
    write_page(folder / "study.html", result)
    with atomic(folder / "study.md") as temporary:
        temporary.write_text(study_markdown(result), encoding="utf-8")
    return result
