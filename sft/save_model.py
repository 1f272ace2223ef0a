"""Export of a checkpoint to a model folder that plain transformers and vLLM load, and of its adapter."""

import json
import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from sft.data.tokenizer import load_tokenizer

WEIGHTS = ("config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json")
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def save_model(
    checkpoint: Path,
    base_model: Path,
    target: Path,
    dtype: str,
    end_token_ids: Sequence[int],
    wise_ft_alpha: float | None = None,
) -> None:
    """Save the weights of a checkpoint in `target`, with an adapter merged into `base_model` in `dtype`.

    If `wise_ft_alpha` is given, the saved weights are that share of them and the rest of the base model's (WiSE-FT,
    arXiv 2109.01903, equation 1).

    The tokenizer is the one of the base model, since the trainer may have set a padding token on its own copy. The
    generation config names all of `end_token_ids`, which other software stops at as well.
    """
    with _atomic_folder(target) as folder:
        if (checkpoint / ADAPTER[0]).exists():
            model = AutoModelForCausalLM.from_pretrained(base_model, dtype=dtype, trust_remote_code=False)
            PeftModel.from_pretrained(model, str(checkpoint)).merge_and_unload().save_pretrained(folder)
        else:
            _copy(checkpoint, WEIGHTS, folder)
        assert any(folder.glob("*.safetensors")), f"{checkpoint} holds no weights"
        if wise_ft_alpha is not None:
            _average(folder, base_model, wise_ft_alpha)
        load_tokenizer(base_model).save_pretrained(folder)
        _set_end_tokens(folder / "generation_config.json", end_token_ids)


def save_adapter(checkpoint: Path, target: Path) -> None:
    """Copy the adapter of a checkpoint to `target`."""
    with _atomic_folder(target) as folder:
        _copy(checkpoint, ADAPTER, folder)


def _average(folder: Path, base_model: Path, tuned_share: float) -> None:
    tuned = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", trust_remote_code=False)
    base = AutoModelForCausalLM.from_pretrained(base_model, dtype=tuned.dtype, trust_remote_code=False)
    with torch.no_grad():
        for weights, others in zip(tuned.parameters(), base.parameters(), strict=True):
            weights.lerp_(others, 1 - tuned_share)
    tuned.save_pretrained(folder)


def _set_end_tokens(path: Path, end_token_ids: Sequence[int]) -> None:
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config | {"eos_token_id": list(end_token_ids)}, indent=2) + "\n")


@contextmanager
def _atomic_folder(target: Path) -> Generator[Path]:
    """Temporary folder that replaces `target` if the block ends without an error, and is removed otherwise."""
    temporary = target.with_name(f".{target.name}.tmp")
    # A killed process may have left it.
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _copy(source: Path, patterns: tuple[str, ...], target: Path) -> None:
    for pattern in patterns:
        for file in source.glob(pattern):
            shutil.copy2(file, target / file.name)
