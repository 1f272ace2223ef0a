"""Stages `sft-*`: the backbone fine-tuned on the expert's own solutions, or on the rewritten ones."""

from itertools import islice
from pathlib import Path
from typing import Any

from sft.config import SFTConfig
from sft.job import SFTJob, run_sft
from sft.rows import SFTRow, write_rows
from sft.tokenizer import vocabulary_hash
from sft.weight_config import NoWeight

from .files import read_jsonl, read_table
from .prepared import prepared, prepared_file
from .progress import Progress
from .run import Run
from .tokens import Tokens
from .tracking import worker_env

SHOWN = {
    "loss": "loss",
    "unweighted_loss": "unweighted",
    "ess": "ess",
    "clip_fraction": "clipped",
    "mask_fraction": "masked",
    "probe/kl": "kl",
}
EXPERT, OWN = "expert", "own"
TARGET = ("problem_id", "target_ids", "behavior_logprobs", "behavior", "outcome")


def finetune_expert(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """Plain SFT on expert solutions: what a user would do otherwise."""
    plain = run.config.sft.model_copy(update={"weight": NoWeight(), "outcome_weights": {}})
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    rows = [
        SFTRow(tokens.question(row.problem), row.expert_ids, row.expert_logprobs, "backbone", EXPERT)
        for row in prepared(prepared_file(run.config))
    ]
    return _finetune(run, folder, progress, rows, plain)


def finetune_rewritten(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """SFT on the rewritten targets, with the weight that the config names."""
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    prompts = {row.problem.id: tokens.question(row.problem) for row in prepared(prepared_file(run.config))}
    rows = [
        SFTRow(
            prompts[row["problem_id"]],
            row["target_ids"],
            row["behavior_logprobs"],
            row["behavior"],
            row["outcome"],
        )
        for row in read_table(run.stage_folder("rewrite") / "rewrites.parquet", TARGET)
    ]
    return _finetune(run, folder, progress, rows, run.config.sft)


def _own_answers(run: Run) -> list[SFTRow]:
    """What the backbone answers by itself to the first training questions."""
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    return [
        SFTRow(tokens.question(row.problem), row.own_ids, row.own_logprobs, "backbone", OWN)
        for row in islice(prepared(prepared_file(run.config)), run.config.sft.probe_size)
    ]


def _finetune(
    run: Run, folder: Path, progress: Progress, rows: list[SFTRow], sft: SFTConfig
) -> dict[str, Any]:
    write_rows(rows, folder / "rows.parquet", vocabulary_hash(Path(run.model_path)))
    write_rows(_own_answers(run), folder / "probe.parquet")
    run.release_engines()
    role = run.plan.role("sft")
    job = SFTJob(
        model=run.model_path,
        rows=folder / "rows.parquet",
        probe=folder / "probe.parquet",
        output_dir=folder.absolute(),
        sft=sft,
        seed=run.config.seed,
        threads=role.threads,
        use_gpu=role.num_gpus > 0,
        max_failures=run.config.cluster.max_failures,
        report_to=run.config.tracking.report_to,
        run_name=f"{run.config.name}-{folder.name}",
        env=worker_env(run.config, folder, role.threads),
    )
    progress(f"{len(rows)} rows, weight '{sft.weight.kind}'; starting {sft.num_workers} ZeRO-3 workers")
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
    }
