"""Stage `report`: one HTML page, one JSON file and one table from the run folder."""

from pathlib import Path
from typing import Any

from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session

from .build import build_report
from .collect import collect


def report(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Write the HTML page, report.json and report.md from the run folder."""
    swept = session.config.sft.sweep is not None
    page = StageFolder(folder).page
    build_report(collect(session.config.folder, session.tokens.pieces, swept), page)
    return {"report": str(page)}
