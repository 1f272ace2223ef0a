"""Fine-tuning under ZeRO-3 against TRL's own SFTTrainer, side by side in one run: `make bench-sft`.

The same model, rows, order, batch and DeepSpeed config, in turns and in fresh processes each time: TRL with its
nll loss, this trainer plain and with `token_is`, and with packed instead of padded rows.
"""

import json
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cluster.session import connect
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.tracking.workers import worker_env
from sft.config.sft import SFTConfig
from sft.data.rows import SFTRow, write_rows
from sft.job import SFTJob
from sft.runtime.ray_train import Workers, run_workers

from .options import config_options

STEPS, ROUNDS = 6, 2
TRL = "TRL SFTTrainer, nll"
VARIANTS: dict[str, dict[str, Any]] = {
    TRL: {},
    "weight none": {},
    "weight token_is": {"weight": {"kind": "token_is"}},
    "weight token_is, packed": {
        "weight": {"kind": "token_is"},
        "packing": True,
        # A pack has about the tokens of two rows.
        "per_device_train_batch_size": 1,
    },
}


@dataclass(frozen=True)
class Measured:
    """One training, or several summed up."""

    tokens: int = 0
    """Tokens of the rows without padding."""
    seconds: float = 0.0
    """Seconds of all steps after the first, which warms up."""
    peak_gb: float = 0.0
    """Peak memory of the larger process, libraries included."""

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(
            self.tokens + other.tokens, self.seconds + other.seconds, max(self.peak_gb, other.peak_gb)
        )


class Timer(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self.start)


class Counter:
    """Collator that counts the tokens of each batch without padding."""

    def __init__(self, collate: Any) -> None:
        self.collate = collate
        self.tokens: list[int] = []

    def __call__(self, examples: list[dict[str, Any]]) -> Any:
        self.tokens.append(sum(len(example["input_ids"]) for example in examples))
        return self.collate(examples)


def worker(task: dict[str, Any]) -> None:
    """Train a few steps; rank 0 writes the measurements."""
    job = SFTJob.model_validate(task["job"])
    os.environ.update(job.env)
    from sft.worker import build_trainer, join_process_group

    join_process_group(job)
    trainer = plain_trl(job) if task["variant"] == TRL else build_trainer(job)
    # A checkpoint would cost time and memory that differ from run to run.
    trainer.args.save_strategy = "no"
    trainer.data_collator = counter = Counter(trainer.data_collator)
    timer = Timer()
    trainer.add_callback(timer)
    trainer.train()
    passes = job.sft.accumulation
    measured = {
        "tokens": sum(counter.tokens[passes : STEPS * passes]),
        "seconds": sum(timer.seconds[1:]),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }
    Path(task["output"], f"{trainer.accelerator.process_index}.json").write_text(json.dumps(measured))


def plain_trl(job: SFTJob) -> Any:
    """TRL's own trainer with its own collator, on the same rows."""
    from trl import SFTTrainer

    from sft.data.dataset import to_dataset
    from sft.data.rows import read_rows
    from sft.data.tokenizer import load_tokenizer as tokenizer_of
    from sft.worker import load_model, training_arguments

    args = training_arguments(job)
    dataset = to_dataset(read_rows(job.rows)).select_columns(["input_ids", "labels"])
    return SFTTrainer(
        model=load_model(job), args=args, train_dataset=dataset, processing_class=tokenizer_of(job.model)
    )


def measure(variant: str, config: RunConfig, rows: Path, folder: Path) -> Measured:
    """Run one variant in fresh processes."""
    folder.mkdir(parents=True)
    sft = SFTConfig.model_validate(
        {
            "max_steps": STEPS,
            "per_device_train_batch_size": config.sft.per_device_train_batch_size,
            "gradient_accumulation_steps": config.sft.gradient_accumulation_steps,
            "max_length": config.sft.max_length,
            "gradient_checkpointing": config.sft.gradient_checkpointing,
            "logging_steps": STEPS,
            "num_workers": config.sft.num_workers,
            **VARIANTS[variant],
        }
    )
    threads = max(1, (os.cpu_count() or 1) // sft.num_workers)
    model = resolve_model(config.model.name_or_path)
    job = SFTJob(
        model=Path(model),
        rows=rows,
        end_token_ids=load_tokens(model, config.model).ends.ids,
        output_dir=folder,
        sft=sft,
        threads=threads,
        env=worker_env(config, folder, threads),
    )
    task = {"job": job.model_dump(mode="json"), "variant": variant, "output": str(folder)}
    run_workers(worker, task, Workers(sft.num_workers, threads, num_gpus=0), "bench", folder / "ray")
    ranks = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(sft.num_workers)]
    return Measured(
        sum(rank["tokens"] for rank in ranks),
        max(rank["seconds"] for rank in ranks),
        max(rank["peak_gb"] for rank in ranks),
    )


def make_rows(config: RunConfig, path: Path) -> None:
    """Expert solutions with made-up log-probs, which cost the same as real ones."""
    tokens = load_tokens(resolve_model(config.model.name_or_path), config.model)
    rows = []
    for problem in load_problems(config.data).train:
        ids = tokens.expert(problem)
        rows.append(SFTRow(tokens.question(problem), ids, [-1.0] * len(ids), "backbone", "expert"))
    lengths = sorted(map(len, rows))
    print(f"{len(rows)} rows of {lengths[0]} to {lengths[-1]} tokens, median {lengths[len(rows) // 2]}")
    write_rows(rows, path)


def main() -> None:
    """Print the table."""
    options = config_options(__doc__, "configs/gsm-symbolic.yaml")
    config = load_config(
        options.config, ["data.num_train=96", "tracking.report_to=none", "sft.max_length=512", *options.set]
    )
    found = {variant: Measured() for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as folder, connect(config.cluster):
        rows = Path(folder) / "rows.parquet"
        make_rows(config, rows)
        for turn in range(ROUNDS):
            for variant in VARIANTS:
                one = measure(variant, config, rows, Path(folder) / f"{turn}-{variant.replace(' ', '_')}")
                print(
                    f"round {turn}: {variant:<26}{one.rate:>8.1f} tokens/s{one.peak_gb:>8.2f} GiB", flush=True
                )
                found[variant] += one
        ray.shutdown()
    print(f"{'':<26}{'tokens/s':>10}{'x TRL':>8}{'peak GiB':>10}{'x TRL':>8}")
    for variant, total in found.items():
        rate, peak = total.rate / found[TRL].rate, total.peak_gb / found[TRL].peak_gb
        print(f"{variant:<26}{total.rate:>10.1f}{rate:>8.3f}{total.peak_gb:>10.2f}{peak:>8.3f}")


if __name__ == "__main__":
    main()
