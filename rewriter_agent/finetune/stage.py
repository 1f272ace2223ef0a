"""Stages `sft-*`: the backbone fine-tuned on the expert's own solutions, or on the rewritten ones."""

from pathlib import Path
from typing import Any

from rewriter_agent.io.files import read_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Run
from rewriter_agent.tracking.workers import worker_env
from sft.config.sft import SFTConfig
from sft.config.sweep import SweepData
from sft.config.weights import NoWeight
from sft.data.rows import write_rows
from sft.data.tokenizer import vocabulary_hash
from sft.job import SFTJob
from sft.run import run_sft

from .refresh import Part, read_parts, staleness, train_refreshed
from .rows import expert_rows, own_answers, require_rewritten, rewritten_rows

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
    return sft.model_copy(update={"weight": NoWeight(), "outcome_weights": {}, "refresh": None})


def finetune(run: Run, folder: Path, progress: Progress, *, data: SweepData) -> dict[str, Any]:
    """Plain SFT on expert solutions, or SFT on the rewritten targets with the weight that the config names."""
    sft = run.config.sft.model_copy(update={"sweep": None})
    sft = plain(sft) if data == "expert" else sft
    job = make_job(run, sft, folder, folder, run.config.seed, run.plan.role("sft").threads)
    start = f"weight '{sft.weight.kind}'; {sft.num_workers} ZeRO-3 workers"
    if sft.refresh:
        write_probe(run, folder)
        progress(f"refreshed every {sft.refresh.steps} steps, {start}")
        result = train_refreshed(run, job, folder, progress, SHOWN)
    else:
        rows = write_inputs(run, data, folder)
        run.release_engines()
        run.wait_for_capacity("sft")
        progress(f"{rows} rows, {start}")
        with progress.follow(job.metrics_path, SHOWN):
            result = run_sft(job)
    metrics = read_jsonl(job.metrics_path)
    kl = {"probe_kl": round(metrics[-1]["probe/kl"], 4)} if "probe/kl" in metrics[-1] else {}
    return {
        "rows": result.num_rows,
        "dropped": result.num_dropped,
        "steps": result.global_step,
        "weight": sft.weight.kind,
        "loss_first": round(metrics[0]["loss"], 4),
        "loss_last": round(metrics[-1]["loss"], 4),
        **kl,
        **staleness(read_parts(folder) or [Part(0, result.global_step, 0.0)]),
    }


def write_inputs(run: Run, data: SweepData, folder: Path) -> int:
    """Write the rows to train on and the probe into `folder`; returns the number of rows."""
    if data == "expert":
        rows = list(expert_rows(run))
    else:
        rows = [row for _, row in rewritten_rows(run, run.folder.rewrite.rewrites)]
        require_rewritten(rows, run.config.rewrite.strategy)
    write_rows(rows, StageFolder(folder).rows, vocabulary_hash(Path(run.model_path)))
    write_probe(run, folder)
    return len(rows)


def write_probe(run: Run, folder: Path) -> None:
    """Write the backbone's own answers into `folder`."""
    write_rows(own_answers(run), StageFolder(folder).probe, vocabulary_hash(Path(run.model_path)))


def make_job(
    run: Run, sft: SFTConfig, inputs: Path, output: Path, seed: int, threads: int, reuse_process: bool = False
) -> SFTJob:
    """Job that fine-tunes the backbone on the files of `write_inputs` in `inputs`.

    `reuse_process` says that its Ray task runs further jobs, which then train in that process if they have one worker.
    """
    return SFTJob(
        model=Path(run.model_path),
        rows=StageFolder(inputs).rows,
        probe=StageFolder(inputs).probe,
        end_token_ids=run.tokens.ends.ids,
        output_dir=output.absolute(),
        sft=sft,
        seed=seed,
        threads=threads,
        in_process=reuse_process and sft.num_workers == 1,
        use_gpu=run.plan.role("sft").num_gpus > 0,
        labels=dict(run.plan.role("sft").labels),
        max_failures=run.config.cluster.max_failures,
        start_timeout=run.config.cluster.timeout,
        report_to=run.config.tracking.report_to,
        run_name=f"{run.config.name}-{output.name}",
        env=worker_env(run.config, output, threads),
    )


def sft_gb(weights: float) -> float:
    """Disk that a fine-tuning takes, from the size of the weights: two checkpoints at a time, which hold them, fp32
    master weights and two Adam moments."""
    return 18 * weights + 0.2
