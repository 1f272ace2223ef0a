"""The stages in order, what each depends on, and the loop that does them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cluster.session import connect

from .config import RunConfig
from .evaluate.model import evaluate_model
from .evaluate.result import read_result
from .files import exclusive
from .finetune import finetune_expert, finetune_rewritten
from .prepare import prepare
from .progress import Progress, clock
from .report.build import build_report
from .report.collect import collect
from .rewrite import rewrite
from .run import Run
from .scoring import mean
from .stage import Stage, run_stage
from .train.stage import train


def evaluate(run: Run, folder: Path, progress: Progress, *, arm: str) -> dict[str, Any]:
    """Task and retention of one arm's model, through the fleet."""
    if arm == "base":
        fleet = run.backbone
    else:
        fleet = run.policy
        fleet.load((run.stage_folder(f"sft-{arm}") / "model").absolute())
    evaluate_model(
        fleet,
        run.tokenizer,
        run.test_problems(),
        run.config.evaluate,
        run.verifier.verify,
        folder,
        progress,
        system_prompt=run.config.model.system_prompt,
    )
    result = read_result(folder / "result.json")
    return {
        part.name: round(mean(list(part.correct.values())), 3) for part in (result.task, *result.retention)
    }


def report(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """One HTML page and report.json from the run folder."""
    build_report(collect(run.config.folder), folder / "report.html")
    return {"report": str(folder / "report.html")}


PREPARE = Stage("prepare", ("data", "prepare", "reward"), (), prepare)
TRAIN = Stage("train", ("train",), (PREPARE,), train, lambda weights: 4 * weights + 0.2)
REWRITE = Stage("rewrite", ("rewrite",), (TRAIN,), rewrite)
# Checkpoints hold the weights, fp32 master weights and two Adam moments, and two checkpoints exist at a time.
SFT_EXPERT = Stage("sft-expert", ("sft",), (PREPARE,), finetune_expert, lambda weights: 18 * weights + 0.2)
SFT_REWRITTEN = Stage(
    "sft-rewritten", ("sft",), (REWRITE,), finetune_rewritten, lambda weights: 18 * weights + 0.2
)
EVALUATE_BASE = Stage("evaluate-base", ("evaluate",), (PREPARE,), partial(evaluate, arm="base"))
EVALUATE_EXPERT = Stage("evaluate-expert", ("evaluate",), (SFT_EXPERT,), partial(evaluate, arm="expert"))
EVALUATE_REWRITTEN = Stage(
    "evaluate-rewritten", ("evaluate",), (SFT_REWRITTEN,), partial(evaluate, arm="rewritten")
)
REPORT = Stage("report", (), (EVALUATE_BASE, EVALUATE_EXPERT, EVALUATE_REWRITTEN), report)

# The base model is evaluated while the engines are up; fine-tuning needs their memory and cores.
STAGES = (
    PREPARE,
    TRAIN,
    REWRITE,
    EVALUATE_BASE,
    SFT_EXPERT,
    SFT_REWRITTEN,
    EVALUATE_EXPERT,
    EVALUATE_REWRITTEN,
    REPORT,
)
COMMANDS: dict[str, Sequence[Stage]] = {
    "prepare": (PREPARE,),
    "train": (TRAIN,),
    "rewrite": (REWRITE,),
    "sft": (SFT_EXPERT, SFT_REWRITTEN),
    "evaluate": (EVALUATE_BASE, EVALUATE_EXPERT, EVALUATE_REWRITTEN),
    "report": (REPORT,),
    "run": STAGES,
}


def run_stages(config: RunConfig, stages: Sequence[Stage]) -> None:
    """Do the stages that are not complete, on the cluster that the config names."""
    with connect(config.cluster) as machine:
        run = Run(config, machine)
        with exclusive(config.folder):
            run.write_config()
            try:
                for stage in stages:
                    run_stage(stage, run)
            finally:
                run.close()


def print_summary(config: RunConfig) -> None:
    """Where the time went, and where the report is."""
    manifests = [stage.read_manifest(config) for stage in STAGES]
    times = {m["stage"]: m["wall_seconds"] for m in manifests if m}
    for name, seconds in times.items():
        print(f"  {name:<20}{clock(seconds)}")
    print(f"  {'in all':<20}{clock(sum(times.values()))}")
    print(f"report: {(config.folder / 'report' / 'report.html').absolute()}")
