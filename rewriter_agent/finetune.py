"""Stages `sft-*`: the backbone fine-tuned on the expert's own solutions, or on the rewritten ones."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sft.config import SFTConfig
from sft.job import SFTJob, run_sft
from sft.rows import SFTRow, write_rows
from sft.sweep_config import Data
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
    "tokens_per_second": "tokens/s",
}
EXPERT, OWN = "expert", "own"
ROWS, PROBE = "rows.parquet", "probe.parquet"
TARGET = ("problem_id", "target_ids", "behavior_logprobs", "behavior", "outcome")


def plain(sft: SFTConfig) -> SFTConfig:
    """Plain SFT on expert solutions: what a user would do otherwise."""
    return sft.model_copy(update={"weight": NoWeight(), "outcome_weights": {}})


def finetune(run: Run, folder: Path, progress: Progress, *, data: Data) -> dict[str, Any]:
    """Plain SFT on expert solutions, or SFT on the rewritten targets with the weight that the config names."""
    sft = run.config.sft.model_copy(update={"sweep": None})
    sft = plain(sft) if data == "expert" else sft
    count = write_inputs(run, data, folder)
    run.release_engines()
    job = make_job(run, sft, folder, folder, run.config.seed, run.plan.role("sft").threads)
    progress(f"{count} rows, weight '{sft.weight.kind}'; starting {sft.num_workers} ZeRO-3 workers")
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


def write_inputs(run: Run, data: Data, folder: Path) -> int:
    """Write the rows to train on and the probe into `folder`; returns the number of rows."""
    vocabulary = vocabulary_hash(Path(run.model_path))
    rows = list(_expert_rows(run) if data == "expert" else _rewritten_rows(run))
    write_rows(rows, folder / ROWS, vocabulary)
    write_rows(_own_answers(run), folder / PROBE, vocabulary)
    return len(rows)


def make_job(run: Run, sft: SFTConfig, inputs: Path, output: Path, seed: int, threads: int) -> SFTJob:
    """The fine-tuning of the run's backbone on what `write_inputs` has left in `inputs`."""
    return SFTJob(
        model=Path(run.model_path),
        rows=inputs / ROWS,
        probe=inputs / PROBE,
        output_dir=output.absolute(),
        sft=sft,
        seed=seed,
        threads=threads,
        use_gpu=run.plan.role("sft").num_gpus > 0,
        max_failures=run.config.cluster.max_failures,
        report_to=run.config.tracking.report_to,
        run_name=f"{run.config.name}-{output.name}",
        env=worker_env(run.config, output, threads),
    )


def _expert_rows(run: Run) -> Iterator[SFTRow]:
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    for row in prepared(prepared_file(run.config)):
        yield SFTRow(tokens.question(row.problem), row.expert_ids, row.expert_logprobs, "backbone", EXPERT)


def _rewritten_rows(run: Run) -> Iterator[SFTRow]:
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    prompts = {row.problem.id: tokens.question(row.problem) for row in prepared(prepared_file(run.config))}
    for row in read_table(run.stage_folder("rewrite") / "rewrites.parquet", TARGET):
        yield SFTRow(
            prompts[row["problem_id"]],
            row["target_ids"],
            row["behavior_logprobs"],
            row["behavior"],
            row["outcome"],
        )


def _own_answers(run: Run) -> Iterator[SFTRow]:
    """What the backbone answers by itself to the first training questions."""
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    for row in islice(prepared(prepared_file(run.config)), run.config.sft.probe_size):
        yield SFTRow(tokens.question(row.problem), row.own_ids, row.own_logprobs, "backbone", OWN)
