"""Arguments of a fine-tuning in this process, without DeepSpeed."""

from pathlib import Path
from typing import Any

import trl


def plain_sft(folder: Path, **options: Any) -> trl.SFTConfig:
    """Configure SFT for rows of token ids, in float32 on the CPU."""
    return trl.SFTConfig(
        output_dir=str(folder),
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        **options,
    )
