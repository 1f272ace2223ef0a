"""Runs one stage: skips it, resumes it or starts it, and records what it cost."""

from typing import Any

from rewriter_agent.config import RunConfig
from rewriter_agent.io.console import console
from rewriter_agent.io.progress import Progress
from rewriter_agent.tracking.result import track_result

from .stage import Stage


def run_stage(stage: Stage, session: Any, place: str = "") -> None:
    """Run a stage unless it is complete or the config does not want it.

    The manifest's time includes earlier attempts, killed ones up to their last status line. `place` tells where the
    run stands.
    """
    config = session.config
    if skip(stage, config):
        return
    stage.require(config, stage.before(config))
    folder = stage.open_folder(config, session.weights_gb)
    # Only now: results of other inputs have been moved aside, with their time.
    progress = Progress(stage.name, record=stage.folder(config).seconds)
    # More than the marker means that an earlier attempt was killed here.
    begins = "resuming" if len(list(folder.iterdir())) > 1 else "starting"
    progress(f"{begins}: {place}" if place else begins)
    try:
        counts = stage.work(session, folder, progress) | session.take_judge_cost()
        track_result(stage, config, folder, counts)
    finally:
        progress.save()
    stage.finish(config, folder, counts, progress.elapsed)
    shown = counts if console.verbose else main_counts(counts)
    progress("done: " + ", ".join(f"{key} {value}" for key, value in shown.items()))


def skip(stage: Stage, config: RunConfig) -> bool:
    """Tell whether nothing is left to do for the stage; if so, say why."""
    if not stage.wanted(config):
        Progress(stage.name).detail("not needed by this config, skipped")
        return True
    if stage.complete(config):
        Progress(stage.name, record=stage.folder(config).seconds)("complete, skipped")
        return True
    return False


def main_counts(counts: dict[str, Any]) -> dict[str, Any]:
    """Leave out counts of parts, and how often something did not happen."""
    return {
        key: value
        for key, value in counts.items()
        if "/" not in key and not (isinstance(value, int) and value == 0)
    }
