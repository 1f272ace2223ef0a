"""Private parts of transformers' Trainer."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import transformers.trainer

from .trl import TRANSFORMERS_VERSION
from .version import check_version


@contextmanager
def skip_batches_by_drawing() -> Generator[None]:
    """Resume inside the block with the loader of DeepSpeed's sequence parallelism.

    To skip the batches before the checkpoint, `skip_first_batches` builds a new loader from the attributes of the old
    one, which DeepSpeed's loader does not have. Instead, every rank draws these batches and drops them. The public
    option `ignore_data_skip` restores the random state before the loader draws from it, which would change dropout
    after a resume.
    """
    check_version("transformers", transformers.__version__, TRANSFORMERS_VERSION)

    def skip(loader: Any, num_batches: int = 0) -> Any:
        for _ in range(num_batches):
            next(loader)
        return loader

    with patch.object(transformers.trainer, "skip_first_batches", skip):
        yield
