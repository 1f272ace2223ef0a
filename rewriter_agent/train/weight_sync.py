"""How the learner publishes: the adapter as a folder, or checkpoint tensors with the adapter folded in."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer

from cluster.fleet.fleet import Fleet
from rewriter_agent.io.files import atomic

from .rewriter import ADAPTERS


def publish(fleet: Fleet, version: int, model: PeftModel, folder: Path) -> None:
    """Have the fleet serve the model, as its engines take it; adapters are left in `folder`, the last one alone.

    Raises:
        ValueError: engines that take adapters cannot serve this one.
    """
    if not fleet.spec.max_lora_rank:
        fleet.publish(version, merged_weights(model))
        return
    base: Any = model.get_base_model()
    if isinstance(base.get_output_embeddings(), BaseTunerLayer):
        raise ValueError(
            "cluster.enable_lora: train.lora.target_modules puts an adapter on the model's head, which engines that "
            "also score cannot serve; leave the head out, or set cluster.enable_lora=false"
        )
    adapter = folder / ADAPTERS / f"version-{version:06}"
    if adapter.exists():
        # Of a run that was killed.
        shutil.rmtree(adapter)
    with atomic(adapter) as temporary:
        model.save_pretrained(str(temporary))
    fleet.load_lora(version, adapter)
    # Until all served it, an engine that was replaced would have been given the one before.
    for other in adapter.parent.iterdir():
        if other != adapter:
            shutil.rmtree(other)


def merged_weights(model: PeftModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Each checkpoint name with its tensor, W + (alpha / r) B A if a module carries an adapter.

    The base weights are left as they are: merging and unmerging in place would round them each time.
    """
    base = model.get_base_model()
    adapted = {
        f"{name}.base_layer.weight": module
        for name, module in base.named_modules()
        if isinstance(module, BaseTunerLayer)
    }
    # A tied head is the same tensor under a second name; checkpoints carry it once.
    tied = set(getattr(base, "all_tied_weights_keys", None) or ())
    for name, weight in base.state_dict().items():
        if ".lora_" in name or name in tied:
            continue
        if module := adapted.get(name):
            # One at a time: all of them are as large as the model.
            delta = sum(module.get_delta_weight(adapter).float() for adapter in module.active_adapters)
            weight = (weight.float() + delta).to(weight.dtype)
        yield name.replace(".base_layer.", "."), weight.detach().cpu()
