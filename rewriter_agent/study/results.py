"""The numbers of a study: of each source, of each fine-tuning, and over seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean

from pydantic import TypeAdapter

from ..arms import ARMS, EXPERT, REFERENCES, SOURCES
from ..compare import strategy_result
from ..evaluate.result import ModelResult, read_result
from ..evaluate.statistics import estimate
from ..evaluate.summary import summarise
from ..files import read_jsonl, write_json
from ..pipeline import EVALUATE_BASE, REWRITE, TRAIN
from .layout import Cell, Layout
from .stages import BASE, EVALUATION, cell_stage

TERMS = ("gate", "alignment", "diversity", "total")
MATCHED_WITHIN = 0.01
"""Share of the task by which a model may be below SFT's best and still count as matched."""


@dataclass(frozen=True)
class OverSeeds:
    """A mean over seeds with its 95 % bootstrap interval; of one seed, which has none, that ends at the value."""

    value: float
    low: float
    high: float
    by_seed: dict[int, float]

    @classmethod
    def of(cls, by_seed: dict[int, float]) -> "OverSeeds":
        """Of at least one seed."""
        values = list(by_seed.values())
        if len(values) == 1:
            return cls(values[0], values[0], values[0], by_seed)
        found = estimate(values)
        return cls(found.value, found.low, found.high, by_seed)

    @property
    def has_interval(self) -> bool:
        """Whether there are several seeds."""
        return len(self.by_seed) > 1

    def minus(self, other: "OverSeeds") -> "OverSeeds":
        """The paired difference, over the seeds that both have."""
        return OverSeeds.of({s: v - other.by_seed[s] for s, v in self.by_seed.items() if s in other.by_seed})


@dataclass(frozen=True)
class CellResult:
    """One fine-tuning, measured."""

    arm: str
    learning_rate: float
    seed: int
    metrics: dict[str, float]
    """`task`, `retention`, `gain`, `forgetting` and so on as shares; `kl` and `nll` in nats a token; `seconds`."""


@dataclass(frozen=True)
class SourceResult:
    """One rewriting of the training problems, and what it has cost."""

    source: str
    seed: int
    metrics: dict[str, float]
    """`rewritten` and `accepted` as shares; log-prob in nats a token; diversity of the targets; rollouts, tokens and
    seconds, the rewriter's training among them, whoever else uses it, too."""
    curves: dict[str, list[tuple[int, float]]]
    """Terms of the reward over the steps of the rewriter's training."""


@dataclass(frozen=True)
class Point:
    """An arm at one learning rate."""

    learning_rate: float
    metrics: dict[str, OverSeeds]
    against: dict[str, dict[str, OverSeeds]] = field(default_factory=dict)
    """By reference: differences in task and forgetting at this rate."""


@dataclass(frozen=True)
class ArmResult:
    """An arm over all seeds that are done."""

    arm: str
    text: str
    points: list[Point]
    best: float
    """Learning rate of the highest task score."""
    matched: float | None
    """That of the least forgetting among those whose task score is at most a point below SFT's best; None where none
    is."""
    source: dict[str, OverSeeds]
    against: dict[str, dict[str, OverSeeds]]
    """By reference: differences in task and forgetting, each arm at its `matched` rate (else its best)."""

    @property
    def source_name(self) -> str:
        """Where its targets come from."""
        return ARMS[self.arm].source

    @property
    def chosen(self) -> Point:
        """Where arms are compared."""
        return self.at(self.matched if self.matched is not None else self.best)

    def at(self, rate: float) -> Point:
        """The point of a learning rate."""
        return next(point for point in self.points if point.learning_rate == rate)


@dataclass(frozen=True)
class StudyResult:
    """All of it."""

    name: str
    config: str
    seeds: list[int]
    """Those that are done."""
    base: dict[str, float]
    arms: list[ArmResult]
    cells: list[CellResult]
    sources: list[SourceResult]
    seconds: dict[str, float]
    """By phase."""


def write_results(layout: Layout, seconds: dict[str, float]) -> StudyResult:
    """Collect what is done and write the study's files."""
    from .page import write_page
    from .table import study_markdown

    result = collect(layout, seconds)
    folder = layout.config.folder
    write_json(folder / "study.json", asdict(result))
    write_page(folder / "study.html", result)
    (folder / "study.md").write_text(study_markdown(result))
    return result


def read_study(path: Path) -> StudyResult:
    """Read a `study.json`."""
    return TypeAdapter(StudyResult).validate_json(path.read_bytes())


def collect(layout: Layout, seconds: dict[str, float]) -> StudyResult:
    """Everything that has been measured by now."""
    from ..config import dump_config

    base = read_result(layout.config.folder / BASE / EVALUATE_BASE.name / "result.json")
    cells = [
        cell_result(cell, base)
        for seed in layout.study.seeds
        for cell in layout.cells(seed)
        if cell_stage(cell).complete(cell.config)
    ]
    done = sorted({cell.seed for cell in cells}, key=layout.study.seeds.index)
    sources = [
        source_result(layout, source, seed)
        for seed in done
        for source in layout.sources
        if source != EXPERT and REWRITE.complete(layout.source_config(source, seed))
    ]
    return StudyResult(
        name=layout.config.name,
        config=dump_config(layout.config),
        seeds=done,
        base=_base_metrics(base),
        arms=arm_results(layout.study.arms, cells, sources),
        cells=cells,
        sources=sources,
        seconds=seconds,
    )


def cell_result(cell: Cell, base: ModelResult) -> CellResult:
    """Of a cell that has been evaluated."""
    result = read_result(cell.folder / EVALUATION / "result.json")
    summary = summarise({"base": base, cell.arm: result})[1]
    lines = read_jsonl(cell.folder / "metrics.jsonl")
    against = summary.against_base
    metrics = {
        "task": summary.task.value,
        "task_lenient": summary.task_lenient,
        **{name: fmean(scores.values()) for name, scores in result.task.scores.items() if "@" in name},
        "finished": summary.finished,
        "gain": against.gain.value,
        "retention": summary.retention_mean.value,
        **{f"retention/{name}": found.value for name, found in summary.retention.items()},
        "forgetting": against.forgetting.value,
        "lost": against.forgetting.lost / against.forgetting.n,
        "gained": against.forgetting.gained / against.forgetting.n,
        "loss": lines[-1]["unweighted_loss"],
        "ess": lines[-1]["ess"],
        "tokens": lines[-1]["num_tokens"],
        "seconds": lines[-1]["elapsed"],
    }
    for outcome, value in lines[-1].items():
        if outcome.startswith("unweighted_loss/"):
            metrics[outcome] = value
    if summary.drift:
        metrics |= {"kl": summary.drift.kl.value, "nll": summary.drift.nll.value}
    return CellResult(cell.arm, cell.learning_rate, cell.seed, metrics)


def source_result(layout: Layout, source: str, seed: int) -> SourceResult:
    """Of a source that has been made."""
    config = layout.source_config(source, seed)
    trained = layout.source_config(SOURCES[source].rewriter or source, seed)
    found = strategy_result(source, REWRITE, config)
    metrics = {
        "rewritten": found.rewritten,
        "logprob": found.logprob,
        "tail": found.tail,
        **({} if found.accepted is None else {"accepted": found.accepted}),
        **(asdict(found.diversity) if found.diversity else {}),
        "rollouts": found.cost["rollouts"],
        "generated_tokens": found.cost["generated_tokens"],
        "scored_tokens": found.cost["scored_tokens"],
        "seconds": found.seconds,
    }
    curves = {}
    if TRAIN.wanted(trained):
        manifest = TRAIN.read_manifest(trained)
        assert manifest is not None, "its rewriter has written"
        metrics["training_rollouts"] = manifest["counts"]["rollouts"]
        metrics["training_tokens"] = manifest["counts"]["generated_tokens"]
        metrics["training_seconds"] = manifest["wall_seconds"]
        lines = read_jsonl(trained.folder / "train" / "metrics.jsonl")
        curves = {
            term: [(x["step"], x[key]) for x in lines if (key := f"reward_terms/{term}_mean") in x]
            for term in TERMS
        }
    return SourceResult(source, seed, metrics, curves)


def arm_results(
    arms: Iterable[str], cells: Sequence[CellResult], sources: Sequence[SourceResult]
) -> list[ArmResult]:
    """The arms that have been measured, over seeds; the first reference must be among them."""
    points = {arm: _points([cell for cell in cells if cell.arm == arm]) for arm in arms}
    points = {arm: found for arm, found in points.items() if found}
    if REFERENCES[0] not in points:
        return []
    wanted = max(p.metrics["task"].value for p in points[REFERENCES[0]]) - MATCHED_WITHIN
    plain = {arm: _arm(arm, found, wanted, sources) for arm, found in points.items()}
    references = {name: plain[name] for name in REFERENCES if name in plain}
    return [_compared(arm, references) for arm in plain.values()]


def _arm(arm: str, points: list[Point], wanted: float, sources: Sequence[SourceResult]) -> ArmResult:
    def task(point: Point) -> float:
        return point.metrics["task"].value

    able = [point for point in points if task(point) >= wanted]
    matched = min(able, key=lambda p: p.metrics["forgetting"].value).learning_rate if able else None
    own = {s.seed: s.metrics for s in sources if s.source == ARMS[arm].source}
    return ArmResult(
        arm, ARMS[arm].text, points, max(points, key=task).learning_rate, matched, _over_seeds(own), {}
    )


def _compared(arm: ArmResult, references: dict[str, ArmResult]) -> ArmResult:
    others = {name: other for name, other in references.items() if name != arm.arm}
    points = []
    for point in arm.points:
        same = {
            name: p
            for name, other in others.items()
            for p in other.points
            if p.learning_rate == point.learning_rate
        }
        points.append(replace(point, against=_differences(point, same)))
    chosen = {name: other.chosen for name, other in others.items()}
    return replace(arm, points=points, against=_differences(arm.chosen, chosen))


def _differences(point: Point, others: dict[str, Point]) -> dict[str, dict[str, OverSeeds]]:
    """In task and forgetting, over the seeds that both have; of those that share none, nothing."""
    return {
        name: {key: point.metrics[key].minus(other.metrics[key]) for key in ("task", "forgetting")}
        for name, other in others.items()
        if point.metrics["task"].by_seed.keys() & other.metrics["task"].by_seed.keys()
    }


def _points(cells: Sequence[CellResult]) -> list[Point]:
    rates = sorted({cell.learning_rate for cell in cells})
    by_rate = {rate: {c.seed: c.metrics for c in cells if c.learning_rate == rate} for rate in rates}
    return [Point(rate, _over_seeds(found)) for rate, found in by_rate.items()]


def _over_seeds(by_seed: dict[int, dict[str, float]]) -> dict[str, OverSeeds]:
    names: dict[str, None] = {name: None for metrics in by_seed.values() for name in metrics}
    return {
        name: OverSeeds.of({seed: found[name] for seed, found in by_seed.items() if name in found})
        for name in names
    }


def _base_metrics(base: ModelResult) -> dict[str, float]:
    summary = summarise({"base": base})[0]
    found = {
        "task": summary.task.value,
        "task_lenient": summary.task_lenient,
        **{name: fmean(scores.values()) for name, scores in base.task.scores.items() if "@" in name},
        "finished": summary.finished,
        "retention": summary.retention_mean.value,
        **{f"retention/{name}": value.value for name, value in summary.retention.items()},
    }
    return found | ({"nll": summary.drift.nll.value} if summary.drift else {})
