"""The files that a study leaves."""

from dataclasses import asdict
from pathlib import Path

from rewriter_agent.io.files import atomic, write_json
from rewriter_agent.runtime.run_folder import RunFolder

from .page import write_page
from .results import StudyResult
from .table import study_markdown


def write_files(folder: Path, result: StudyResult) -> None:
    """Write the numbers, the table and the page."""
    files = RunFolder(folder)
    write_json(files.study, asdict(result))
    write_page(files.study_page, result)
    with atomic(files.study_table) as temporary:
        temporary.write_text(study_markdown(result), encoding="utf-8")
