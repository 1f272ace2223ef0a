"""Private parts of DeepSpeed, and of Accelerate's integration of it."""

import gc
from functools import _lru_cache_wrapper
from typing import Any

import accelerate
import deepspeed
from accelerate.state import AcceleratorState
from deepspeed.runtime.zero.parameter_offload import FWD_MODULE_STACK
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from .version import check_version

VERSION = "0.19"
ACCELERATE_VERSION = "1.15"

check_version("deepspeed", deepspeed.__version__, VERSION)
check_version("accelerate", accelerate.__version__, ACCELERATE_VERSION)


def skip_inference_collective() -> None:
    """Keep DeepSpeed from compiling a collective that only inference uses.

    That takes half a minute, and a worker that is killed meanwhile leaves a lock file that blocks every later start.
    DeepSpeed has no option for it; its own tests set the same key.
    """
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def forget_last_training() -> None:
    """Reset Accelerate's state, which it keeps with the DeepSpeed config for the lifetime of the process.

    Accelerate's own tests reset it like this.
    """
    AcceleratorState._reset_state(reset_partial_state=True)


def release_engine(engine: Any) -> None:
    """Make DeepSpeed release the model and the optimizer, which it otherwise keeps for the lifetime of the process.

    transformers does not call `destroy` (https://github.com/huggingface/transformers/issues/28178), which leaves two
    kinds of references besides: a global list of modules, and the `lru_cache` of methods, which hold their instances.
    DeepSpeed has no public way to clear these (https://github.com/deepspeedai/DeepSpeed/issues/7204).
    """
    engine.destroy()
    # Otherwise `from_pretrained` partitions every later model of this process, and an adapter cannot be merged.
    unset_hf_deepspeed_config()
    FWD_MODULE_STACK.clear()
    for cached in gc.get_objects():
        if isinstance(cached, _lru_cache_wrapper) and cached.__module__.startswith("deepspeed."):
            cached.cache_clear()
