"""The gradient of one optimizer step over all rows, under several rules: one rank, started by torchrun."""

import os
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from sft.config.weights import NoWeight, SequenceISWeight, TokenISWeight, Weight
from sft.data.collator import SFTCollator
from sft.data.dataset import to_dataset
from sft.data.rows import read_rows
from sft.data.tokenizer import load_tokenizer
from sft.trainer import WeightedSFTTrainer
from tests.helpers.plain_sft import plain_sft

RULES: tuple[Weight, ...] = (NoWeight(), TokenISWeight(clip_max=1.5), SequenceISWeight(clip_max=1.5))


def gradients(folder: Path, batch_size: int, accumulation: int) -> list[dict[str, torch.Tensor]]:
    """Gradient by parameter and rule, in float32: the change by a step of plain descent at rate 1."""
    found = []
    for rule in RULES:
        model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        options = plain_sft(
            folder / "out",
            per_device_train_batch_size=batch_size,
            gradient_accumulation_steps=accumulation,
            max_steps=1,
            optim="sgd",
            learning_rate=1.0,
            lr_scheduler_type="constant",
            max_grad_norm=1e9,
            ddp_backend="gloo" if "RANK" in os.environ else None,
        )
        WeightedSFTTrainer(
            model=model,
            args=options,
            data_collator=SFTCollator(pad_token_id=0),
            train_dataset=to_dataset(read_rows(folder / "rows.parquet")),
            processing_class=load_tokenizer(folder / "base"),
            rules={"all": rule},
        ).train()
        found.append({name: before[name] - value.detach() for name, value in model.named_parameters()})
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.save(gradients(Path(sys.argv[1]), 4, 1), Path(sys.argv[1]) / f"gradients-{os.environ['RANK']}.pt")
