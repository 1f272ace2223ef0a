"""Private parts of TRL's GRPOTrainer and SDFTTrainer.

`train/shared_prefix_trainer.py` and `train/trainer.py` override further private methods of GRPOTrainer: TRL has no
public way to compute a prompt once for its candidates. A test compares a step with TRL's own, bit for bit, with sharing
off.

`train/sdft_trainer.py` overrides what turns messages into prompts in SDFTTrainer, which takes no token ids, and cuts
the teacher's prompt at the student's length (https://github.com/huggingface/trl/pull/5862). It decodes rollouts with
the trainer's tokenizer, since SDFTTrainer writes none. SDFTTrainer is experimental: a test compares its loss and
gradients with those of an independent implementation.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import trl
from trl import import_utils

from sft.compat.version import check_version

VERSION = "1.16"

check_version("trl", trl.__version__, VERSION)


@contextmanager
def without_vllm() -> Generator[None]:
    """Import TRL's trainers inside the block without vLLM, which they would load for engines of their own.

    That takes nearly as long as all other imports, and TRL has no option for it.
    """
    with patch.object(import_utils, "is_vllm_available", lambda min_version=None: False):
        yield


def use_engines(trainer: Any, generation: Any) -> None:
    """Have a trainer sample with `generation`, and a GRPOTrainer correct for the log-probs of engines elsewhere.

    Call it after construction: with `use_vllm` in the config TRL starts an engine of its own. The correction depends on
    that option (https://github.com/huggingface/trl/issues/5119): `rollout_func`, the public way to sample elsewhere,
    goes without it.
    """
    trainer.use_vllm = True
    trainer.vllm_generation = generation
    trainer._last_loaded_step = -1
