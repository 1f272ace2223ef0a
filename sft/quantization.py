"""4-bit weights of a frozen backbone under a LoRA adapter (QLoRA, arXiv 2305.14314)."""

from importlib.util import find_spec
from typing import Any

PACKAGE = "bitsandbytes"


def check_quantization(key: str, on_gpu: bool) -> None:
    """Raise ValueError, which names the config's `key`, if this machine cannot train on 4-bit weights."""
    if not on_gpu:
        raise ValueError(
            f"{key} needs bitsandbytes' kernels on a GPU, and cluster.device is cpu; set it to false"
        )
    if find_spec(PACKAGE) is None:
        raise ValueError(
            f"{key} needs a package that is not installed: pip install {PACKAGE}; or set it to false"
        )


def quantization_config(dtype: str) -> Any:
    """transformers' config of QLoRA: NormalFloat4 with quantized constants, computing in `dtype`."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
