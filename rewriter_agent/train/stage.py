"""The driver's side of `train` and `student`: starts the learner as a Ray Train worker and shows its progress."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cluster.fleet.supervisor import EnginesLostError
from rewriter_agent.config import RunConfig
from rewriter_agent.config.method import trains_student
from rewriter_agent.config.outcomes import TOO_LONG
from rewriter_agent.evaluate.curve import choice_counts
from rewriter_agent.evaluate.on_the_way import BEST, HeldOutEvaluation, train_evaluated
from rewriter_agent.io.files import read_jsonl, write_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import anchored_problems
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.tracking.workers import worker_env
from sft.quantization import check_quantization
from sft.runtime.collector import collector_paused
from sft.runtime.memory import keep_freed_memory
from sft.runtime.ray_train import Workers, run_workers

from .policy import policy_of
from .problems import left_out, training_problems
from .reward import SCORED_LENGTH
from .rewriter import ADAPTER, ADAPTERS, MODEL, RewriterCard, write_card
from .signal_files import EVENTS, LOST

DISTANCE = "self_distillation/distillation_loss"
"""TRL's name of the student's distance from the teacher, in nats per token."""
SCORED = "scored_tokens"
"""Tokens that the frozen backbone, or the teacher, has read."""
SHOWN = {
    "reward": "reward",
    "reward_terms/gate_mean": "gate",
    "reward_terms/alignment_mean": "align",
    "reward_terms/diversity_mean": "div",
    DISTANCE: "KL",
    "completions/mean_length": "length",
    "step_time": "seconds",
    "fleet/policy/tokens_per_second": "tok/s",
}


def train(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Learn the rewriting policy by GRPO."""
    counts = train_policy(session, folder, progress)
    backbone_name, identity = session.config.model.name_or_path, session.backbone_identity[0]
    prompts = session.tokens.prompts.record()
    write_card(folder, RewriterCard(backbone_name, identity, counts["steps"], prompts))
    return counts


def train_policy(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Train the policy of the run's method, and leave it in `folder`."""
    config = session.config
    evaluated = config.sft.evaluation if trains_student(config.method) else None
    if config.train.load_in_4bit:
        check_quantization("train.load_in_4bit", config.cluster.device == "gpu")
    # If it exists, the run was killed after its last step, and the checkpoints are gone.
    if not (folder / MODEL).exists():
        if evaluated:
            _train_evaluated(session, folder, progress, evaluated.eval_steps)
        else:
            _run_learner(session, folder, progress, folder)
    for used in (*folder.glob("checkpoint-*"), *folder.glob(ADAPTERS), *folder.glob(BEST)):
        shutil.rmtree(used)
    lines = read_jsonl(StageFolder(folder).metrics)
    counts = _counts(lines, config.train.candidates_per_step) | choice_counts(folder, evaluated)
    too_long = len(read_jsonl(StageFolder(folder).left_out))
    return counts | ({TOO_LONG: too_long} if too_long else {})


def _train_evaluated(session: Session, folder: Path, progress: Progress, eval_steps: int) -> None:
    """Train the student with evaluations on the way; the chosen one is left in `folder`."""
    newest, last = folder / "newest", session.config.train.max_steps

    def train_until(step: int) -> int:
        if step - eval_steps < last:
            shutil.rmtree(newest, ignore_errors=True)
            _run_learner(session, folder, progress, newest, min(step, last))
        return min(step, last)

    evaluation = HeldOutEvaluation.of(session, folder, progress)
    train_evaluated(evaluation, train_until, newest, newest / MODEL)
    # The model comes last, since it marks the end; a killed process may have moved the adapter already.
    for name in (ADAPTER, MODEL):
        if (evaluation.best / name).exists():
            os.replace(evaluation.best / name, folder / name)


def _run_learner(
    session: Session, folder: Path, progress: Progress, output: Path, until: int | None = None
) -> None:
    """Train to the end or until a step, and leave the policy in `output`."""
    given = anchored_problems(session.config)
    problems = training_problems(given, session.config, session.tokens)
    _name_left_out(left_out(given, problems, session.config), len(given), session.config, folder, progress)
    progress(f"{len(problems)} problems; starting the engines")
    trained, reward = policy_of(session.config), session.config.reward
    asks = trained.asks_backbone(reward)
    session.start_engines("policy", *(("backbone",) if asks else ()))
    policy, backbone = session.actor, session.reference if asks else None
    if policy.version:
        # Another policy's weights may be loaded.
        policy.reset_to_base()
    role = session.plan.role("learner")
    # The worker runs in another directory.
    config = session.config.model_copy(update={"output_dir": session.config.output_dir.absolute()})
    (folder / LOST).unlink(missing_ok=True)
    job = {
        "config": config.model_dump(mode="json"),
        "model": session.model_path,
        "prompt_date": session.prompt_date,
        # Its template file may be on the driver's machine only.
        "prompts": session.tokens.prompts,
        "folder": str(folder.absolute()),
        "output": str(output.absolute()),
        "until": until,
        "threads": role.threads,
        "env": worker_env(session.config, folder, role.threads),
        "embedder": session.embedder if trained.asks_encoder(reward) else None,
    }
    session.wait_for_capacity("learner")
    progress("starting the learner")
    workers = Workers(
        count=1,
        num_cpus=role.num_cpus,
        num_gpus=role.num_gpus,
        max_failures=config.cluster.max_failures,
        start_timeout=config.cluster.timeout,
        labels=dict(role.labels),
    )
    fleets = {"policy": policy, "backbone": backbone}
    with ExitStack() as stack:
        stack.enter_context(progress.follow(StageFolder(folder).metrics, SHOWN, folder / EVENTS))
        for fleet in filter(None, fleets.values()):
            stack.enter_context(fleet.transfer())
        run_workers(_learn, job | fleets, workers, folder.name, folder / "ray")
        if (folder / LOST).exists():
            raise EnginesLostError((folder / LOST).read_text())


def _name_left_out(
    too_long: list[dict[str, Any]], of: int, config: RunConfig, folder: Path, progress: Progress
) -> None:
    if not too_long:
        return
    write_jsonl(StageFolder(folder).left_out, too_long)
    progress(
        f"{len(too_long)} of {of} problems are not trained on: their prompt and "
        f"train.max_completion_length={config.train.max_completion_length} do not fit "
        f"model.max_model_len={config.model.max_model_len}; left_out.jsonl names them"
    )


def _learn(job: dict[str, Any]) -> None:
    os.environ.update(job["env"])
    if job["config"]["cluster"]["device"] == "cpu":
        keep_freed_memory()
    # Imported in the worker: the driver needs none of the learner's libraries.
    with collector_paused():
        from rewriter_agent.compat.trl import without_vllm

        with without_vllm():
            from .worker import learn

    try:
        learn(job)
    except EnginesLostError as error:
        # Not raised here: Ray Train would start the learner again, and engines do not come back by that.
        (Path(job["folder"]) / LOST).write_text(str(error))


def _counts(rows: list[dict[str, Any]], candidates: int) -> dict[str, Any]:
    """Counts for the manifest; `candidates` is the number per step."""
    first, last = rows[0], rows[-1]
    generated = round(candidates * sum(row["completions/mean_length"] for row in rows))
    counts = {
        "steps": len(rows),
        "rollouts": len(rows) * candidates,
        "generated_tokens": generated,
        "tokens": int(last["num_tokens"]),
    }
    if DISTANCE in last:
        return counts | {
            # The teacher reads every rollout.
            SCORED: generated,
            "distillation_loss_first": round(first[DISTANCE], 4),
            "distillation_loss_last": round(last[DISTANCE], 4),
        }
    scored = candidates * sum(row[SCORED_LENGTH] for row in rows)
    return counts | {
        SCORED: round(scored),
        "reward_first": round(first["reward"], 3),
        "reward_last": round(last["reward"], 3),
        "zero_variance_groups": round(sum(row["frac_reward_zero_std"] for row in rows) / len(rows), 3),
    }
