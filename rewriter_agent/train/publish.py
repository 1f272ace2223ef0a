"""What the learner publishes: checkpoint tensors with the adapter folded in."""

from collections.abc import Iterator

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer


def merged_weights(model: PeftModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Each checkpoint name with its tensor, W + (alpha / r) B A where a module carries an adapter.

    The base weights are left as they are: merging and unmerging in place would round them each time.
    """
    base = model.get_base_model()
    deltas = {}
    for name, module in base.named_modules():
        if isinstance(module, BaseTunerLayer):
            delta = sum(module.get_delta_weight(adapter) for adapter in module.active_adapters)
            deltas[f"{name}.base_layer.weight"] = delta
    # A tied head is the same tensor under a second name; checkpoints carry it once.
    tied = set(getattr(base, "all_tied_weights_keys", None) or ())
    for name, weight in base.state_dict().items():
        if ".lora_" in name or name in tied:
            continue
        merged = weight if name not in deltas else (weight.float() + deltas[name].float()).to(weight.dtype)
        yield name.replace(".base_layer.", "."), merged.detach().cpu()
