"""Methods that engines add to vLLM's workers, which hold the model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.compat.vllm import (
    repack_tied_head,
    replace_gather_logprobs,
    unwrap_lora_head,
    without_lora_layers,
)

from .entropy_logprobs import gather_entropies
from .named_weights import Checksum, Weights, checkpoint_tensors


class WorkerExtension:
    """Mixed into vLLM's worker class by the option `worker_extension_cls`; call its methods through `collective_rpc`.

    With tensor parallelism the workers are other processes, and arguments have to be picklable.
    """

    get_model: Callable[[], Any]
    reload_weights: Callable[..., None]

    def report_entropies(self) -> None:
        """Report entropies in place of the most likely token, see `gather_entropies`."""
        replace_gather_logprobs(self, gather_entropies)

    def unwrap_head(self) -> None:
        """Compute the head without adapters."""
        unwrap_lora_head(self.get_model())

    def load_named_weights(self, weights: Weights) -> int:
        """Load weights and return their checksum."""
        received = Checksum()
        tensors = checkpoint_tensors(weights) if isinstance(weights, Path) else weights
        with without_lora_layers(self.get_model()):
            self.reload_weights(weights_iterator=received.through(tensors))
            repack_tied_head(self)
        return received.value


WORKER_EXTENSION = f"{WorkerExtension.__module__}.{WorkerExtension.__qualname__}"
