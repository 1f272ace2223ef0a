"""Private parts of TRL's SFTTrainer, and of transformers' Trainer under it."""

from typing import Any

import torch
import transformers
import trl
from torch import Tensor
from trl import SFTTrainer

from sft.data.dataset import IGNORE_INDEX

from .version import check_version

VERSION = "1.16"
TRANSFORMERS_VERSION = "5.19"

check_version("trl", trl.__version__, VERSION)
check_version("transformers", transformers.__version__, TRANSFORMERS_VERSION)


class ExtraColumnsTrainer(SFTTrainer):
    """SFTTrainer for batches with tensors that are not arguments of the model."""

    extra_columns: tuple[str, ...] = ()

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device, and keep the extra columns in their type.

        Under DeepSpeed transformers casts every float tensor to the model's 16 bits, which would change a log-prob by
        up to 0.4 %. It has no option to exclude tensors.
        """
        extra = {name: inputs[name].to(self.args.device) for name in self.extra_columns}
        rest = {name: value for name, value in inputs.items() if name not in self.extra_columns}
        return super()._prepare_inputs(rest) | extra

    def _get_num_items_in_batch(
        self, batch_samples: list[dict[str, Any]], device: torch.device
    ) -> Tensor | int | None:
        """Count the labels of a step over all ranks, also under sequence parallelism.

        There transformers returns None, since DeepSpeed's loader has replaced `labels` with `shift_labels`.
        """
        if not batch_samples or "labels" in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        labels = torch.stack([(batch["shift_labels"] != IGNORE_INDEX).sum() for batch in batch_samples])
        return self.accelerator.gather(labels.sum().to(device)[None]).sum()
