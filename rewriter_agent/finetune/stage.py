"""Stages `sft-*`: the backbone fine-tuned on the expert's own solutions, or on the rewritten ones."""

from pathlib import Path
from typing import Any

from rewriter_agent.evaluate.curve import choice_counts
from rewriter_agent.evaluate.on_the_way import HeldOutEvaluation, train_evaluated
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.held_out import held_out
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.tracking.workers import worker_env
from sft.config.replay import REPLAY, ReplaySection
from sft.config.sft import SFTConfig
from sft.config.sweep import SweepData
from sft.config.weights import NoWeight
from sft.data.rows import drop_long_rows, read_rows, write_rows
from sft.data.tokenizer import vocabulary_hash
from sft.job import SFTJob
from sft.run import SFTResult, finish_with, finished_result, run_part, run_sft

from .refresh import Part, read_parts, staleness, train_refreshed
from .rows import expert_rows, own_answers, problems_dropped, require_rewritten, rewritten_rows, with_replay

SHOWN = {
    "loss": "loss",
    "unweighted_loss": "unweighted",
    "ess": "ess",
    "clip_fraction": "clipped",
    "mask_fraction": "masked",
    "probe/kl": "kl",
    "tokens_per_second": "tokens/s",
}


def plain(sft: SFTConfig) -> SFTConfig:
    """Plain SFT on expert solutions: what a user would do otherwise."""
    return sft.model_copy(
        update={"weight": NoWeight(), "outcome_weights": {}, "refresh": None, "replay": None}
    )


def finetune(session: Session, folder: Path, progress: Progress, *, data: SweepData) -> dict[str, Any]:
    """Plain SFT on expert solutions, or SFT on the rewritten targets with the weight that the config names."""
    sft = session.config.sft.model_copy(update={"sweep": None})
    sft = plain(sft) if data == "expert" else sft
    job = make_job(session, sft, folder, folder, session.config.seed, session.plan.role("sft").threads)
    start = f"weight '{sft.weight.kind}'; {sft.num_workers} DeepSpeed workers"
    if sft.refresh:
        write_probe(session, folder)
        progress(f"refreshed every {sft.refresh.steps} steps, {start}")
        result = train_refreshed(session, job, folder, progress, SHOWN)
    else:
        rows = write_inputs(session, data, folder, sft.replay)
        progress(f"{rows} rows, {start}")
        if sft.evaluation:
            result = _train_evaluated(session, job, folder, progress)
        else:
            session.release_engines()
            session.wait_for_capacity("sft")
            with progress.follow(job.metrics_path, SHOWN):
                result = run_sft(job)
    if result.num_dropped:
        progress(
            f"{result.num_dropped} rows have more than sft.max_length={sft.max_length} tokens and were not trained on"
        )
    metrics = read_jsonl(job.metrics_path)
    kl = {"probe_kl": round(metrics[-1]["probe/kl"], 4)} if "probe/kl" in metrics[-1] else {}
    return {
        "rows": result.num_rows,
        **({} if data == "expert" else problems_dropped(session)),
        **(replayed(job) if sft.replay else {}),
        "dropped": result.num_dropped,
        "steps": result.global_step,
        "weight": sft.weight.kind,
        "loss_first": round(metrics[0]["loss"], 4),
        "loss_last": round(metrics[-1]["loss"], 4),
        **kl,
        **choice_counts(folder, sft.evaluation),
        **staleness(read_parts(folder) or [Part(0, result.global_step, 0.0)]),
    }


def _train_evaluated(session: Session, job: SFTJob, folder: Path, progress: Progress) -> SFTResult:
    """Train with evaluations on the way; the chosen student becomes the job's model."""
    if result := finished_result(job):
        return result

    def train_until(step: int) -> int:
        session.release_engines()
        session.wait_for_capacity("sft")
        with progress.follow(job.metrics_path, SHOWN):
            return run_part(job.model_copy(update={"until": step}))

    evaluation = HeldOutEvaluation.of(session, folder, progress)
    step = train_evaluated(evaluation, train_until, job.student_dir, job.student_dir)
    return finish_with(job, evaluation.best, step)


def write_inputs(session: Session, data: SweepData, folder: Path, replay: ReplaySection | None = None) -> int:
    """Write the rows to train on and the probe into `folder`; returns the number of rows."""
    rewrites = session.folder.rewrite.rewrites
    found = expert_rows(session) if data == "expert" else rewritten_rows(session, rewrites)
    out = held_out(session.config)
    rows = [row for problem_id, row in found if problem_id not in out]
    if data == "rewritten":
        require_rewritten(rows, session.config.rewrite.strategy)
    if replay:
        rows = with_replay(session, rows, replay.share)
    write_rows(rows, StageFolder(folder).rows, vocabulary_hash(Path(session.model_path)))
    write_probe(session, folder)
    return len(rows)


def replayed(job: SFTJob) -> dict[str, float]:
    """Count the replay rows that were trained on, and their shares of all rows and of all completion tokens."""
    rows = drop_long_rows(read_rows(job.rows), job.sft.max_length)
    tokens = [(len(row.completion_ids), row.outcome == REPLAY) for row in rows]
    count = sum(is_replay for _, is_replay in tokens)
    of_replay = sum(length for length, is_replay in tokens if is_replay)
    return {
        "replay_rows": count,
        "replay_share": round(count / len(rows), 4),
        "replay_token_share": round(of_replay / sum(length for length, _ in tokens), 4),
    }


def write_probe(session: Session, folder: Path) -> None:
    """Write the backbone's own answers into `folder`."""
    write_rows(own_answers(session), StageFolder(folder).probe, vocabulary_hash(Path(session.model_path)))


def make_job(
    session: Session,
    sft: SFTConfig,
    inputs: Path,
    output: Path,
    seed: int,
    threads: int,
    reuse_process: bool = False,
) -> SFTJob:
    """Job that fine-tunes the backbone on the files of `write_inputs` in `inputs`.

    `reuse_process` says that its Ray task runs further jobs, which then train in that process if they have one worker.
    """
    return SFTJob(
        model=Path(session.model_path),
        rows=StageFolder(inputs).rows,
        probe=StageFolder(inputs).probe,
        end_token_ids=session.tokens.ends.ids,
        output_dir=output.absolute(),
        sft=sft,
        seed=seed,
        threads=threads,
        in_process=reuse_process and sft.num_workers == 1,
        use_gpu=session.plan.role("sft").num_gpus > 0,
        labels=dict(session.plan.role("sft").labels),
        max_failures=session.config.cluster.max_failures,
        start_timeout=session.config.cluster.timeout,
        report_to=session.config.tracking.report_to,
        run_name=f"{session.config.name}-{output.name}",
        env=worker_env(session.config, output, threads),
    )


def sft_gb(weights: float) -> float:
    """Disk that a fine-tuning takes, from the size of the weights: two checkpoints at a time, which hold them, fp32
    master weights and two Adam moments."""
    return 18 * weights + 0.2
