"""`rewriter-agent check`: decides by a run's report whether a model gains enough and forgets little enough."""

import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from rewriter_agent.io.files import read_json
from rewriter_agent.io.foreign_json import read_object
from rewriter_agent.runtime.run_folder import RunFolder

from .manifests import manifests

GIVE = "give the folder of a finished run, or its report.json"
DECIMALS = 9
"""Decimals at which points are compared with a limit: 100 * 0.29 is not 29."""


class Interval(BaseModel):
    """A difference of shares, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Changes(BaseModel):
    """Differences of a model from the backbone."""

    gain: Interval
    forgetting: Interval | None = None


class Arm(BaseModel):
    """A model of the report."""

    arm: str
    changes: Changes = Field(validation_alias=AliasChoices("against_base", "metrics"))
    """Intervals are over items in the report of one run, and over seeds in that of several."""


class Report(BaseModel):
    """The part of a `report.json` that a decision needs."""

    arms: list[Arm]
    seeds: list[int] | dict[str, int] = []
    """Seeds of the runs; in the report of one run its seeds by config key."""


@dataclass(frozen=True)
class Limits:
    """Limits in points; None sets no limit."""

    min_gain: float | None
    max_forgetting: float | None

    def __post_init__(self) -> None:
        given = {"--min-gain": self.min_gain, "--max-forgetting": self.max_forgetting}
        if all(limit is None for limit in given.values()):
            raise ValueError("check needs a limit in points: --min-gain, --max-forgetting or both")
        for option, limit in given.items():
            if limit is not None and not 0 <= limit <= 100:
                raise ValueError(f"{option} {limit:g} is not a limit; give points from 0 to 100")


@dataclass(frozen=True)
class Decision:
    """Whether the limits are kept, and the reasons in one line."""

    passed: bool
    line: str


def check(run: Path, limits: Limits, arm: str, by_estimate: bool = False) -> Decision:
    """Compare a model's changes from the backbone with the limits.

    A limit is met if the whole 95 % interval keeps it, or with `by_estimate` if the estimate does.

    Raises:
        ValueError: the run is not finished, or its report lacks a value that a limit is on.
    """
    path = report_path(run)
    report = _read(path)
    changes = _changes(report, arm, path)
    verdicts = []
    if limits.min_gain is not None:
        verdicts.append(_judge("gain", changes.gain, limits.min_gain, 1, by_estimate))
    if limits.max_forgetting is not None:
        if changes.forgetting is None or math.isnan(changes.forgetting.value):
            raise ValueError(
                f"{path} has no retention, so --max-forgetting has nothing to limit; leave it out"
            )
        verdicts.append(_judge("forgetting", changes.forgetting, limits.max_forgetting, -1, by_estimate))
    passed = all(word == "met" for word, _ in verdicts)
    over = f"{len(report.seeds)} seeds" if isinstance(report.seeds, list) else "items"
    found = "; ".join(text for _, text in verdicts)
    return Decision(
        passed, f"{'pass' if passed else 'fail'}: {arm}, {found} (points, 95 % intervals over {over})"
    )


def report_path(run: Path) -> Path:
    """Find the numbers of a run's report: of all its seeds together, if it has several.

    Raises:
        ValueError: the run is not finished, or a stage was run again after its report.
    """
    if not run.is_dir():
        return run
    over_seeds = RunFolder(run).stage("over-seeds").numbers
    if not over_seeds.exists():
        _require_finished(run)
        return RunFolder(run).report.numbers
    for seed in _read(over_seeds).seeds:
        _require_finished(run / f"seed-{seed}")
    return over_seeds


def _require_finished(run: Path) -> None:
    path = RunFolder(run).report.manifest
    if not path.exists():
        raise ValueError(
            f"check: the run in {run} is not finished (no {path.relative_to(run)}); `rewriter-agent run CONFIG` ends "
            f"with its report. Then {GIVE}."
        )
    report = read_json(path)
    stages = manifests(run, "sweep" in report["inputs"])
    later = [name for name, manifest in stages.items() if manifest["finished_at"] > report["finished_at"]]
    if later:
        raise ValueError(
            f"check: the report of {run} is older than its stages {', '.join(later)}; delete {path} and run "
            "`rewriter-agent run CONFIG` again"
        )


def _read(path: Path) -> Report:
    tree = read_object(path, "check", GIVE)
    try:
        return Report.model_validate(tree)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(map(str, detail["loc"]))
        raise ValueError(f"check: '{path}' is no report of a run ({key}: {detail['msg']}); {GIVE}") from None


def _changes(report: Report, arm: str, path: Path) -> Changes:
    found = {model.arm: model.changes for model in report.arms if model.arm != "base"}
    if arm not in found:
        raise ValueError(f"--arm {arm}: '{path}' compares no such model with base; it has {', '.join(found)}")
    return found[arm]


def _judge(name: str, change: Interval, limit: float, sign: int, by_estimate: bool) -> tuple[str, str]:
    """Word and text for a value that has to be at least (`sign` 1) or at most (-1) the limit."""
    value, low, high = (round(100 * end, DECIMALS) for end in (change.value, change.low, change.high))
    worst, best = (low, high) if sign > 0 else (high, low)
    if by_estimate:
        worst = best = value
    if sign * worst >= sign * limit:
        word = "met"
    else:
        word = "not shown" if sign * best >= sign * limit else "missed"
    bound = "at least" if sign > 0 else "at most"
    return word, f"{name} {value:+z.2f} [{low:+z.2f}, {high:+z.2f}], {bound} {limit:g}: {word}"
