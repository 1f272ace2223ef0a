"""The stages in order, their dependencies, and the loop that runs them."""

from collections.abc import Sequence
from functools import partial

from cluster.session import connect
from rewriter_agent.config.method import trains_student
from rewriter_agent.config.stages import rewrites, trains_rewriter
from rewriter_agent.config.strategies import STRATEGIES, uses_policy
from rewriter_agent.evaluate.evaluator import check_evaluation, forget_grades
from rewriter_agent.evaluate.result import read_result
from rewriter_agent.evaluate.stage import evaluate
from rewriter_agent.evaluate.table import evaluation_table
from rewriter_agent.experiments.sweep.stage import sweep
from rewriter_agent.finetune.stage import finetune, sft_gb
from rewriter_agent.io.console import console
from rewriter_agent.io.files import exclusive
from rewriter_agent.io.progress import clock
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.prepare.stage import prepare
from rewriter_agent.replay.stage import replay
from rewriter_agent.replay.texts import read_texts
from rewriter_agent.report.stage import report
from rewriter_agent.rewrite.record import CANDIDATES, PROBLEM_COSTS, REWRITES
from rewriter_agent.rewrite.stage import dataset, rewrite
from rewriter_agent.runtime.fingerprints import (
    evaluation_hashes,
    input_hashes,
    replay_hash,
    rewriter_hash,
    template_hash,
)
from rewriter_agent.runtime.forecast import standing
from rewriter_agent.runtime.hints import hints
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.runner import run_stage, skip
from rewriter_agent.runtime.session import Session
from rewriter_agent.runtime.stage import COLUMNS, Stage, roles_of
from rewriter_agent.train.policy import policy_of
from rewriter_agent.train.rewriter import check_rewriter
from rewriter_agent.train.stage import train, train_policy
from sft.config.sweep import SweepData

from .config import RunConfig


def learner_roles(config: RunConfig) -> tuple[str, ...]:
    """List the roles of the processes that train the student."""
    return ("policy", "learner", *(["backbone"] if policy_of(config).asks_backbone(config.reward) else []))


def rewriting_prompt(config: RunConfig) -> dict[str, str]:
    """Settings and hash of the rewriting prompt."""
    return {"prompts": config.prompts.model_dump_json()} | template_hash(config)


def evaluated_on_the_way(config: RunConfig) -> dict[str, str]:
    """Hashes of the items, and the settings, of evaluations on the way; empty without them."""
    if config.sft.evaluation is None:
        return {}
    return evaluation_hashes(config) | {"evaluate": config.evaluate.model_dump_json()}


def student_reads(config: RunConfig) -> dict[str, str]:
    """Settings and hashes of the items of evaluations on the way, and of the rewriting prompt if a teacher sees it."""
    return evaluated_on_the_way(config) | (rewriting_prompt(config) if config.method == "sdft" else {})


def policy_gb(weights: float) -> float:
    """Disk that the training of a policy takes, from the size of the weights."""
    return 4 * weights + 0.2


def rewriting_roles(config: RunConfig) -> tuple[str, ...]:
    """List the roles of the engines that the strategy uses."""
    if not STRATEGIES[config.rewrite.strategy].rounds:
        return ()
    return ("encoder", "backbone", *(["policy"] if uses_policy(config.rewrite.strategy) else []))


PREPARE = Stage(
    "prepare",
    ("data", "prepare", "reward", "prompts.answer_format"),
    (),
    prepare,
    roles=lambda config: ("backbone",),
    # A different version may have written different columns.
    reads=lambda config: input_hashes(config) | {COLUMNS: ",".join(PREPARED.names)},
    # Of the prepared columns only the rewriting prompt depends on these.
    own_sections=("prompts",),
    own_reads=template_hash,
)
TRAIN = Stage(
    "train",
    ("train", "prompts"),
    (PREPARE,),
    train,
    policy_gb,
    wanted=trains_rewriter,
    reads=template_hash,
    roles=lambda config: ("encoder", "policy", "backbone", "learner"),
)
REWRITE = Stage(
    "rewrite",
    ("rewrite", "prompts"),
    (PREPARE, TRAIN),
    rewrite,
    wanted=rewrites,
    roles=rewriting_roles,
    reads=lambda config: (
        rewriter_hash(config)
        | template_hash(config)
        | {COLUMNS: ",".join([*REWRITES.names, *CANDIDATES.names, *PROBLEM_COSTS.names])}
    ),
)
REPLAY = Stage(
    "replay",
    ("sft.replay", "prepare"),
    (),
    replay,
    wanted=lambda config: config.sft.replay is not None,
    roles=lambda config: ("backbone",),
    reads=replay_hash,
)
DATASET = Stage("dataset", ("dataset", "method"), (REWRITE,), dataset, wanted=rewrites)
STUDENT = Stage(
    "student",
    ("train", "method", "sft.evaluation"),
    (PREPARE,),
    train_policy,
    policy_gb,
    wanted=lambda config: trains_student(config.method),
    roles=learner_roles,
    reads=student_reads,
)


def _finetuning(data: SweepData, *sources: Stage) -> Stage:
    work = partial(finetune, data=data)

    def roles(config: RunConfig) -> tuple[str, ...]:
        refreshed = config.sft.refresh and data == "rewritten"
        evaluated = ("policy",) if config.sft.evaluation else ()
        return ("sft", *evaluated, *((rewriting_roles(config) or ("backbone",)) if refreshed else ()))

    sections = ("sft", *(("method", "sft.replay") if data == "rewritten" else ()))
    return Stage(
        f"sft-{data}",
        sections,
        sources,
        work,
        sft_gb,
        wanted=sources[0].wanted,
        roles=roles,
        reads=evaluated_on_the_way,
    )


SFT_EXPERT = _finetuning("expert", PREPARE)
SFT_REWRITTEN = _finetuning("rewritten", REWRITE, REPLAY)


def _evaluation(arm: str, *after: Stage) -> Stage:
    engine = "backbone" if arm == "base" else "policy"
    work = partial(evaluate, arm=arm)
    return Stage(
        f"evaluate-{arm}",
        ("evaluate",),
        after,
        work,
        roles=lambda config: (engine,),
        reads=evaluation_hashes,
    )


EVALUATE_BASE = _evaluation("base", PREPARE)
# Every model is scored on the backbone's own answers.
EVALUATE_EXPERT = _evaluation("expert", EVALUATE_BASE, SFT_EXPERT)
EVALUATE_REWRITTEN = _evaluation("rewritten", EVALUATE_BASE, SFT_REWRITTEN, STUDENT)
EVALUATIONS = {"base": EVALUATE_BASE, "expert": EVALUATE_EXPERT, "rewritten": EVALUATE_REWRITTEN}
SWEEP = Stage(
    "sweep",
    ("sft", "method", "sft.replay", "sft.sweep", "evaluate"),
    (PREPARE, REWRITE, REPLAY, EVALUATE_BASE),
    sweep,
    sft_gb,
    wanted=lambda config: config.sft.sweep is not None,
    roles=lambda config: ("sft", "policy"),
)
REPORT = Stage("report", (), (EVALUATE_BASE, EVALUATE_EXPERT, EVALUATE_REWRITTEN, SWEEP), report)

# The base model is evaluated while the engines are up; fine-tuning needs their memory and cores.
STAGES = (
    PREPARE,
    TRAIN,
    REWRITE,
    DATASET,
    REPLAY,
    STUDENT,
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
    "train": (TRAIN, STUDENT),
    "rewrite": (PREPARE, TRAIN, REWRITE, DATASET),
    "sft": (REPLAY, SFT_EXPERT, SFT_REWRITTEN),
    "sweep": (PREPARE, TRAIN, REWRITE, REPLAY, EVALUATE_BASE, SWEEP),
    "report": (REPORT,),
    "run": STAGES,
}


def run_stages(config: RunConfig, stages: Sequence[Stage]) -> None:
    """Run the stages that are not complete, on the cluster that the config names."""
    if any(stage in EVALUATIONS.values() and not stage.complete(config) for stage in stages):
        check_evaluation(config.evaluate, config.model.max_model_len)
    if REPLAY in stages and config.sft.replay:
        # A file that cannot be read is named before anything starts.
        read_texts(config)
    for hint in hints(config):
        console.say(f"hint: {hint}")
    if all(stage.complete(config) or not stage.wanted(config) for stage in stages):
        # Without a cluster, which takes seconds to start.
        for stage in stages:
            skip(stage, config)
        return
    with connect(config.cluster, config.output_dir, console.has_log) as machines:
        session = Session(config, machines, roles_of(stages, config))
        with exclusive(config.folder):
            session.write_config()
            check_rewriter(session)
            try:
                for stage in stages:
                    run_stage(stage, session, standing(stage, stages, config) if stage.wanted(config) else "")
            finally:
                session.close()


def evaluate_arms(config: RunConfig, arms: Sequence[str], regrade: bool = False) -> str:
    """Evaluate some of the arms and return a table of them and the base.

    With `regrade`, stored answers are graded again without asking any model.
    """
    stages = [EVALUATIONS[arm] for arm in arms]
    done_here = [PREPARE, *stages]
    for stage in stages:
        stage.require(config, [needed for needed in stage.before(config) if needed not in done_here])
    if regrade:
        with exclusive(config.folder):
            for stage in stages:
                forget_grades(stage.folder(config).path, config.evaluate)
                stage.reopen(config)
    run_stages(config, done_here)
    shown = [arm for arm in EVALUATIONS if arm in ("base", *arms)]
    return evaluation_table({arm: read_result(EVALUATIONS[arm].folder(config).result) for arm in shown})


def print_summary(config: RunConfig) -> None:
    """Print the time of each stage and the path of the report."""
    manifests = [stage.read_manifest(config) for stage in STAGES if stage.wanted(config)]
    times = {m["stage"]: m["wall_seconds"] for m in manifests if m}
    for name, seconds in times.items():
        console.say(f"  {name:<20}{clock(seconds)}")
    console.say(f"  {'in all':<20}{clock(sum(times.values()))}")
    console.say(f"report: {RunFolder(config.folder).report.page.absolute()}")
