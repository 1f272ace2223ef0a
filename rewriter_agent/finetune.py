"""Stages `sft-*`: the backbone fine-tuned on the expert's own solutions, or on the rewritten ones."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sft.job import SFTJob, run_sft
from sft.rows import SFTRow, write_rows

from .files import read_jsonl
from .progress import Progress
from .run import Run
from .tokens import Tokens
from .tracking import worker_env

SHOWN = {"loss": "loss", "unweighted_loss": "unweighted", "ess": "ess", "clip_fraction": "clipped"}
EXPERT, REWRITTEN = "expert", "rewritten"


def finetune_expert(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """Plain SFT on expert solutions: what a user would do otherwise."""
    plain = run.config.sft.model_copy(update={"weight": type(run.config.sft)().weight})
    rows = pq.read_table(run.stage_folder("prepare") / "anchors.parquet").to_pylist()
    targets = {row["problem_id"]: (row["expert_ids"], row["expert_logprobs"], EXPERT) for row in rows}
    return _finetune(run, folder, progress, targets, plain)


def finetune_rewritten(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """SFT on the rewritten targets, with the weight that the config names."""
    rows = pq.read_table(run.stage_folder("rewrite") / "rewrites.parquet").to_pylist()
    targets = {
        row["problem_id"]: (row["target_ids"], row["behavior_logprobs"], row["outcome"]) for row in rows
    }
    return _finetune(run, folder, progress, targets, run.config.sft)


def _finetune(
    run: Run,
    folder: Path,
    progress: Progress,
    targets: dict[str, tuple[list[int], list[float], str]],
    sft: Any,
) -> dict[str, Any]:
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    rows = [
        SFTRow(tokens.question(problem), ids, logprobs, "backbone", outcome)
        for problem in run.train_problems()
        for ids, logprobs, outcome in [targets[problem.id]]
    ]
    write_rows(rows, folder / "rows.parquet")
    run.release_engines()
    role = run.plan.role("sft")
    job = SFTJob(
        model=run.model_path,
        rows=folder / "rows.parquet",
        output_dir=folder.absolute(),
        sft=sft,
        seed=run.config.seed,
        threads=role.threads,
        use_gpu=role.num_gpus > 0,
        report_to=run.config.tracking.report_to,
        run_name=f"{run.config.name}-{folder.name}",
        env=worker_env(run.config, folder, role.threads),
    )
    progress(f"{len(rows)} rows, weight '{sft.weight.kind}'; starting {sft.num_workers} ZeRO-3 workers")
    with progress.follow(job.metrics_path, SHOWN):
        result = run_sft(job)
    losses = [row["loss"] for row in read_jsonl(job.metrics_path)]
    return {
        "rows": result.num_rows,
        "dropped": result.num_dropped,
        "steps": result.global_step,
        "weight": sft.weight.kind,
        "loss_first": round(losses[0], 4),
        "loss_last": round(losses[-1], 4),
    }
