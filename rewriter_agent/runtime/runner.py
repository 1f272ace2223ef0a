"""Runs one stage: skips it, resumes it or starts it, and records what it cost."""

import time
from typing import Any

from rewriter_agent.io.files import read_json, write_json
from rewriter_agent.io.progress import Progress
from rewriter_agent.tracking.result import track_result

from .stage import Stage


def run_stage(stage: Stage, session: Any) -> None:
    """Run a stage unless it is complete or the config does not want it.

    The manifest's time includes earlier attempts, except attempts that were killed by SIGKILL.
    """
    progress = Progress(stage.name)
    if not stage.wanted(session.config):
        progress("not needed by this config, skipped")
        return
    if stage.complete(session.config):
        progress("complete, skipped")
        return
    stage.require(session.config, stage.before(session.config))
    folder = stage.open_folder(session.config, session.weights_gb)
    # More than the marker means that an earlier attempt was killed here.
    progress("resuming" if len(list(folder.iterdir())) > 1 else "starting")
    start = time.monotonic()
    spent = stage.folder(session.config).seconds
    before = read_json(spent)["seconds"] if spent.exists() else 0.0
    try:
        counts = stage.work(session, folder, progress)
        track_result(stage, session.config, folder, counts)
    finally:
        write_json(spent, {"seconds": before + time.monotonic() - start})
    stage.finish(session.config, folder, counts, before + time.monotonic() - start)
    progress("done: " + ", ".join(f"{key} {value}" for key, value in counts.items()))
