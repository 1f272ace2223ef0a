"""A fine-tuning of six steps that kills itself and W&B's service by SIGKILL once step 3 is logged, and then resumes."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM, TrainerCallback, TrainerState
from transformers.integrations import get_reporting_integration_callbacks
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig

from sft.config.weights import NoWeight
from sft.data.collator import SFTCollator
from sft.data.dataset import to_dataset
from sft.data.rows import read_rows
from sft.data.tokenizer import load_tokenizer
from sft.runtime.metrics import MetricsWriter, ReplayLog, finish_reporting
from sft.trainer import WeightedSFTTrainer


class Kill(TrainerCallback):
    def on_log(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.global_step == 3:
            for child in psutil.Process().children(recursive=True):
                child.kill()
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path) -> None:
    options = SFTConfig(
        output_dir=str(folder),
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_steps=2,
        max_steps=6,
        logging_steps=1,
        disable_tqdm=True,
    )
    metrics = folder / "metrics.jsonl"
    checkpoint = get_last_checkpoint(str(folder))
    WeightedSFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32),
        args=options,
        data_collator=SFTCollator(pad_token_id=0),
        train_dataset=to_dataset(read_rows(folder / "rows.parquet")),
        processing_class=load_tokenizer(folder / "base"),
        rules={"all": NoWeight()},
        callbacks=[
            MetricsWriter(metrics),
            *get_reporting_integration_callbacks("wandb"),
            ReplayLog(metrics),
            *([] if checkpoint else [Kill()]),
        ],
    ).train(resume_from_checkpoint=checkpoint)
    finish_reporting("wandb")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
