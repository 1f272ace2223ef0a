"""The last lines of a command: what an interrupted run keeps and how to resume it, and useful commands after a run."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rewriter_agent.config import RunConfig
from rewriter_agent.runtime.next_commands import MEASURE, READ, USE, command, next_commands, read_page
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder

LEVELS = ("*", "*/*", "*/*/*", "*/*/*/*")
"""Stages of a run, of the runs of several seeds, of a study, and of compared methods lie at different depths."""
MOST = 12
"""Maximum stages that a line names."""


def resume_text(config: RunConfig, arguments: Sequence[str]) -> str:
    """Say which stages of an interrupted run are kept, and which command resumes it."""
    found = _stages(config.folder)
    complete = [name for name, is_complete in found.items() if is_complete]
    begun = [name for name, is_complete in found.items() if not is_complete]
    kept = f"kept in {config.folder}: {_names(complete, 'complete')}, {_names(begun, 'begun')}"
    return f"{kept}\nresume with: {shlex.join(['rewriter-agent', *arguments])}"


def next_text(config: RunConfig) -> str:
    """Name three commands for after a run: read the report, use the model, measure data of one's own."""
    page = RunFolder(config.folder).report.page
    later = next_commands(config.folder, config.method, config.model.name_or_path)
    return _lines({READ: read_page(page), **{name: later[name] for name in (USE, MEASURE)}})


def after_seeds(config: RunConfig, first: RunConfig, report: Path) -> str:
    """Name commands for after the runs of several seeds; the model is that of the `first` one."""
    later = next_commands(first.folder, config.method, config.model.name_or_path)
    check = command("rewriter-agent", "check", str(config.folder), "--min-gain", "0", "--max-forgetting", "1")
    return _lines({READ: read_page(report), USE: later[USE], "judge the result": check})


def after_sweep(config: RunConfig, path: Path) -> str:
    """Name commands for after a sweep of the config in `path`."""
    chosen = ("--set", "sft.sweep=null", "--set", "sft.learning_rate=RATE")
    commands = {
        READ: read_page(RunFolder(config.folder).stage("sweep").sweep_page),
        "run with a chosen rate": command("rewriter-agent", "run", str(path), *chosen),
    }
    return _lines(commands)


def after_study(config: RunConfig, path: Path) -> str:
    """Name commands for after a study of the config in `path`."""
    folder = RunFolder(config.folder)
    join = command("rewriter-agent", "study", str(path), "--join", str(folder.study), "OTHER/study.json")
    return _lines({READ: read_page(folder.study_page), "join other seeds' part": join})


def _lines(commands: Mapping[str, str]) -> str:
    return "\n".join(f"{purpose + ':':<24}{command}" for purpose, command in commands.items())


def _stages(folder: Path) -> dict[str, bool]:
    """The stages that have begun, the oldest first, and whether they are complete."""
    markers = [StageFolder(path).inputs for level in LEVELS for path in folder.glob(level)]
    there = sorted((path for path in markers if path.exists()), key=lambda path: path.stat().st_mtime)
    return {
        str(path.parent.relative_to(folder)): StageFolder(path.parent).manifest.exists()
        for path in there
        if ".stale-" not in path.parent.name
    }


def _names(names: Sequence[str], state: str) -> str:
    if not names:
        return f"no stage is {state}"
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more} {'is' if len(names) == 1 else 'are'} {state}"
