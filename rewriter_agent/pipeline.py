"""The stages in order, what each depends on, and the loop that does them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cluster.session import connect
from sft.sweep_config import Data

from .config import RunConfig
from .evaluate.result import read_result
from .evaluate.served import evaluate_served
from .files import exclusive
from .finetune import finetune, sft_gb
from .inputs import input_hashes, rewriter_hash
from .prepare import prepare
from .prepared import PREPARED
from .progress import Progress, clock
from .report.build import build_report
from .report.collect import collect
from .rewrite.record import REWRITES
from .rewrite.stage import dataset, rewrite
from .rewriter import check_rewriter
from .run import Run
from .scoring import mean
from .stage import Stage, roles_of, run_stage
from .strategies import STRATEGIES, uses_policy
from .sweep.stage import sweep
from .train.stage import train


def evaluate(run: Run, folder: Path, progress: Progress, *, arm: str) -> dict[str, Any]:
    """Task and retention of one arm's model, through the fleet."""
    if arm == "base":
        fleet = run.backbone
    else:
        fleet = run.policy
        fleet.load((run.stage_folder(f"sft-{arm}") / "model").absolute())
    evaluate_served(run, fleet, folder, progress)
    result = read_result(folder / "result.json")
    counts = {part.name: mean(list(part.correct.values())) for part in (result.task, *result.retention)}
    counts["retention"] = mean([counts[part.name] for part in result.retention])
    return {name: round(value, 3) for name, value in counts.items()}


def report(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """One HTML page and report.json from the run folder."""
    build_report(collect(run.config.folder), folder / "report.html")
    return {"report": str(folder / "report.html")}


def trains_rewriter(config: RunConfig) -> bool:
    """Whether the run trains a rewriter: its strategy needs one, and none is given."""
    return uses_policy(config.rewrite.strategy) and config.rewrite.rewriter is None


def rewriting_roles(config: RunConfig) -> tuple[str, ...]:
    """The engines that the strategy asks."""
    if not STRATEGIES[config.rewrite.strategy].rounds:
        return ()
    return ("encoder", "backbone", *(["policy"] if uses_policy(config.rewrite.strategy) else []))


PREPARE = Stage(
    "prepare",
    ("data", "prepare", "reward"),
    (),
    prepare,
    roles=lambda config: ("backbone",),
    # Another version may have left other columns.
    reads=lambda config: input_hashes(config) | {"columns": ",".join(PREPARED.names)},
)
TRAIN = Stage(
    "train",
    ("train",),
    (PREPARE,),
    train,
    lambda weights: 4 * weights + 0.2,
    wanted=trains_rewriter,
    roles=lambda config: ("encoder", "policy", "backbone", "learner"),
)
REWRITE = Stage(
    "rewrite",
    ("rewrite",),
    (PREPARE, TRAIN),
    rewrite,
    roles=rewriting_roles,
    reads=lambda config: rewriter_hash(config) | {"columns": ",".join(REWRITES.names)},
)
DATASET = Stage("dataset", ("dataset",), (REWRITE,), dataset)


def _finetuning(data: Data, source: Stage) -> Stage:
    work = partial(finetune, data=data)

    def roles(config: RunConfig) -> tuple[str, ...]:
        refreshed = config.sft.refresh and data == "rewritten"
        return ("sft", *((rewriting_roles(config) or ("backbone",)) if refreshed else ()))

    return Stage(f"sft-{data}", ("sft",), (source,), work, sft_gb, roles=roles)


SFT_EXPERT = _finetuning("expert", PREPARE)
SFT_REWRITTEN = _finetuning("rewritten", REWRITE)


def _evaluation(arm: str, model: Stage) -> Stage:
    engine = "backbone" if arm == "base" else "policy"
    work = partial(evaluate, arm=arm)
    return Stage(f"evaluate-{arm}", ("evaluate",), (model,), work, roles=lambda config: (engine,))


EVALUATE_BASE = _evaluation("base", PREPARE)
EVALUATE_EXPERT = _evaluation("expert", SFT_EXPERT)
EVALUATE_REWRITTEN = _evaluation("rewritten", SFT_REWRITTEN)
SWEEP = Stage(
    "sweep",
    ("sft", "sft.sweep", "evaluate"),
    (PREPARE, REWRITE, EVALUATE_BASE),
    sweep,
    sft_gb,
    wanted=lambda config: config.sft.sweep is not None,
    roles=lambda config: ("sft", "policy"),
)
REPORT = Stage("report", (), (EVALUATE_BASE, EVALUATE_EXPERT, EVALUATE_REWRITTEN), report)

# The base model is evaluated while the engines are up; fine-tuning needs their memory and cores.
STAGES = (
    PREPARE,
    TRAIN,
    REWRITE,
    DATASET,
    EVALUATE_BASE,
    SFT_EXPERT,
    SFT_REWRITTEN,
    EVALUATE_EXPERT,
    EVALUATE_REWRITTEN,
    SWEEP,
    REPORT,
)
COMMANDS: dict[str, Sequence[Stage]] = {
    "prepare": (PREPARE,),
    "train": (TRAIN,),
    "rewrite": (PREPARE, TRAIN, REWRITE, DATASET),
    "sft": (SFT_EXPERT, SFT_REWRITTEN),
    "sweep": (PREPARE, TRAIN, REWRITE, EVALUATE_BASE, SWEEP),
    "evaluate": (EVALUATE_BASE, EVALUATE_EXPERT, EVALUATE_REWRITTEN),
    "report": (REPORT,),
    "run": STAGES,
}


def run_stages(config: RunConfig, stages: Sequence[Stage]) -> None:
    """Do the stages that are not complete, on the cluster that the config names."""
    with connect(config.cluster) as machine:
        run = Run(config, machine, roles_of(stages, config))
        with exclusive(config.folder):
            run.write_config()
            check_rewriter(run)
            try:
                for stage in stages:
                    run_stage(stage, run)
            finally:
                run.close()


def print_summary(config: RunConfig) -> None:
    """Where the time went, and where the report is."""
    manifests = [stage.read_manifest(config) for stage in STAGES if stage.wanted(config)]
    times = {m["stage"]: m["wall_seconds"] for m in manifests if m}
    for name, seconds in times.items():
        print(f"  {name:<20}{clock(seconds)}")
    print(f"  {'in all':<20}{clock(sum(times.values()))}")
    print(f"report: {(config.folder / 'report' / 'report.html').absolute()}")
