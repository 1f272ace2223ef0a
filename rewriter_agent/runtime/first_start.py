"""When a run was first started: the moment that a chat template with today's date takes for now, on every day."""

import json
from datetime import datetime
from pathlib import Path

from rewriter_agent.io.files import write_json

from .run_folder import RunFolder

ABOVE = 2
"""Levels above a run folder at which a study, or a run of several seeds, records one moment for all of its runs."""


def first_start(folder: Path) -> datetime:
    """The recorded moment; now, and recorded, the first time."""
    absolute = folder.absolute()
    places = [RunFolder(place).first_start for place in (absolute, *absolute.parents[:ABOVE])]
    for place in places:
        if place.exists():
            return datetime.fromisoformat(json.loads(place.read_text())["started_at"])
    now = datetime.now().astimezone().replace(microsecond=0)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(places[0], {"started_at": now.isoformat()})
    return now
