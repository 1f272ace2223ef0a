"""The files that a study leaves."""

from dataclasses import asdict
from pathlib import Path

from rewriter_agent.io.files import atomic, write_json

from .page import write_page
from .results import StudyResult
from .table import study_markdown

RESULT = "study.json"


def write_files(folder: Path, result: StudyResult) -> None:
    """Write the numbers, the table and the page."""
    write_json(folder / RESULT, asdict(result))
    write_page(folder / "study.html", result)
    with atomic(folder / "study.md") as temporary:
        temporary.write_text(study_markdown(result), encoding="utf-8")
