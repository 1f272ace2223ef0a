"""What a finished job leaves: a model folder that plain transformers and vLLM load, and the adapter if there is one."""

import json
import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM

from sft.data.tokenizer import load_tokenizer

WEIGHTS = ("config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json")
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def publish_model(
    checkpoint: Path, base_model: Path, target: Path, dtype: str, end_token_ids: Sequence[int]
) -> None:
    """Put the weights of a checkpoint into `target`, an adapter merged into those of `base_model` in `dtype`.

    The tokenizer is the base model's own: the trainer may have set a padding token on the one it holds. The
    generation config names all of `end_token_ids`, so that the model stops in other hands as it was trained to.
    """
    with _whole(target) as folder:
        if (checkpoint / ADAPTER[0]).exists():
            model = AutoModelForCausalLM.from_pretrained(base_model, dtype=dtype, trust_remote_code=False)
            PeftModel.from_pretrained(model, str(checkpoint)).merge_and_unload().save_pretrained(folder)
        else:
            _copy(checkpoint, WEIGHTS, folder)
        assert any(folder.glob("*.safetensors")), f"{checkpoint} holds no weights"
        load_tokenizer(base_model).save_pretrained(folder)
        _name_ends(folder / "generation_config.json", end_token_ids)


def publish_adapter(checkpoint: Path, target: Path) -> None:
    """Copy the adapter of a checkpoint to `target`."""
    with _whole(target) as folder:
        _copy(checkpoint, ADAPTER, folder)


def _name_ends(path: Path, end_token_ids: Sequence[int]) -> None:
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config | {"eos_token_id": list(end_token_ids)}, indent=2) + "\n")


@contextmanager
def _whole(target: Path) -> Generator[Path]:
    """A folder that appears under `target` once the block has ended without an error."""
    temporary = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)


def _copy(source: Path, patterns: tuple[str, ...], target: Path) -> None:
    for pattern in patterns:
        for file in source.glob(pattern):
            shutil.copy2(file, target / file.name)
