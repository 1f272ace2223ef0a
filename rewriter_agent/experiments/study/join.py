"""Joins parts of one study, for example seeds or arms from several machines, into one result."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rewriter_agent.config import RunConfig, dump_config, make_config
from rewriter_agent.config.safe_yaml import parse_yaml
from rewriter_agent.io.files import exclusive
from rewriter_agent.io.given_file import check_file
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.user_errors import quoted

from .comparison import arm_results
from .files import write_files
from .results import StudyResult, read_study, rule_of
from .table import study_table

OF_A_PART = ("name", "output_dir", "cluster", "tracking")
"""Sections of the config in which parts may differ: they do not change the numbers."""
OF_A_PARTS_STUDY = ("seeds", "arms")


def join_studies(config: RunConfig, paths: Sequence[Path]) -> str:
    """Write the study's files from those of its parts (`study.json`); returns the table.

    Arms are taken from `config`, seeds from all parts. If several parts have measured the same, the first one counts,
    also for the base model.

    Raises:
        ValueError: a file is not a `study.json`, is of a study with other options than `config`, or would be
            overwritten.
    """
    own = RunFolder(config.folder).study
    if own.absolute() in {path.absolute() for path in paths}:
        raise ValueError(
            f"{own} is a part and would be overwritten. Name what is joined: --set name={config.name}-joined"
        )
    parts = {path: _read(path) for path in paths}
    for path, part in parts.items():
        _check(config, path, part)
    assert config.study is not None, "checked against the parts"
    result = joined(config, config.study.arms, list(parts.values()))
    with exclusive(config.folder):
        write_files(config.folder, result)
    return study_table(result)


def joined(config: RunConfig, arms: Sequence[str], parts: Sequence[StudyResult]) -> StudyResult:
    """Collect the measurements of these arms from all parts."""
    cells = {(c.arm, c.learning_rate or 0.0, c.seed): c for part in reversed(parts) for c in part.cells}
    sources = {(s.arm, s.seed): s for part in reversed(parts) for s in part.sources}
    ordered = [cells[key] for key in sorted(cells) if key[0] in arms]
    written = [sources[key] for key in sorted(sources)]
    seconds = Counter[str]()
    for part in parts:
        seconds.update(part.seconds)
    return StudyResult(
        name=config.name,
        config=dump_config(config),
        seeds=sorted({cell.seed for cell in ordered}),
        base=parts[0].base,
        arms=arm_results(arms, ordered, written, rule_of(config)),
        cells=ordered,
        sources=written,
        seconds=dict(seconds),
    )


def _read(path: Path) -> StudyResult:
    check_file(path, "--join", "give the study.json of a study")
    try:
        return read_study(path)
    except (OSError, ValidationError) as error:
        raise ValueError(
            f"{path} cannot be read as the study.json of a study: {quoted(error)}. If an earlier version wrote it, run "
            "its study again: finished parts are skipped, and the file is written in today's format."
        ) from error


def _check(config: RunConfig, path: Path, part: StudyResult) -> None:
    try:
        # Options that are newer than the part have their defaults.
        of_part = make_config(parse_yaml(part.config, "config"))
    except ValueError as error:
        raise ValueError(f"{path} is of a study with options that are none here: {error}") from error
    given, theirs = _what(config), _what(of_part)
    other = [
        f"{key} is {theirs.get(key)} there and {given.get(key)} here"
        for key in sorted(given.keys() | theirs.keys())
        if given.get(key) != theirs.get(key)
    ]
    if other:
        raise ValueError(
            f"{path} is of another study: {'; '.join(other[:3])}. Parts may differ in their seeds and arms, and in "
            f"{', '.join(OF_A_PART)}; give each its own study."
        )


def _what(config: RunConfig) -> dict[str, Any]:
    """Options that decide the numbers, by dotted key."""
    tree = {key: value for key, value in config.model_dump(mode="json").items() if key not in OF_A_PART}
    tree["study"] = {k: v for k, v in (tree["study"] or {}).items() if k not in OF_A_PARTS_STUDY}
    return _flat(tree, "")


def _flat(tree: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
