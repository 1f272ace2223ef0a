"""The files that a study leaves."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rewriter_agent.io.files import atomic
from rewriter_agent.report.figures.svg import as_file
from rewriter_agent.runtime.run_folder import RunFolder

from .figures import frontiers
from .page import write_page
from .results import StudyResult
from .table import study_markdown


def write_files(folder: Path, result: StudyResult) -> None:
    """Write the numbers, the table, the page and its first picture."""
    files = RunFolder(folder)
    with atomic(files.study) as temporary:
        temporary.write_text(compact_json(asdict(result)), encoding="utf-8")
    write_page(files.study_page, result)
    with atomic(files.study_table) as temporary:
        temporary.write_text(study_markdown(result), encoding="utf-8")
    with atomic(files.study_picture) as temporary:
        temporary.write_text(as_file(frontiers(result.arms)), encoding="utf-8")


def compact_json(study: dict[str, Any]) -> str:
    """Format a study with a line for each arm, cell and source."""

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def lines(value: Any) -> str:
        several = isinstance(value, list) and value and isinstance(value[0], dict)
        return "[\n" + ",\n".join(text(item) for item in value) + "\n]" if several else text(value)

    return "{\n" + ",\n".join(f"{text(key)}: {lines(value)}" for key, value in study.items()) + "\n}\n"
