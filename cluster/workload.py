"""What the memory of a run depends on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelShape:
    """A causal LM, by its config alone."""

    parameters: int
    """Tied ones once."""
    vocab_size: int
    layers: int
    hidden_size: int
    kv_heads: int
    """Heads that have keys of their own, over which tensor parallelism can share them."""
    head_size: int
    linear_widths: int
    """Inputs and outputs of all linear layers but the head: what a LoRA adapter of rank 1 has of parameters, and about
    the numbers a token that the backward pass needs."""

    @property
    def kv_size(self) -> int:
        """Width of a layer's keys."""
        return self.kv_heads * self.head_size


@dataclass(frozen=True)
class Training:
    """One kind of trainer."""

    workers: int
    batch: int
    """Sequences in one forward and backward pass of a worker."""
    length: int
    """Longest of them, in tokens."""
    weight_bytes: int = 2
    """Of a weight that it computes with."""
    adapter_rank: int = 0
    """0 where all weights are trained."""
    checkpointing: bool = False
    """Whether activations are computed again in the backward pass."""
    shared_by: int = 1
    """Workers that share each sequence by its length."""
    offload: bool = False
    """Whether it keeps its states in the host's memory though it works on GPUs."""
    reference: bool = False
    """Whether it holds the model near another that each worker computes beside it."""


@dataclass(frozen=True)
class Workload:
    """A run's model and its two trainings."""

    model: ModelShape
    max_model_len: int
    learner: Training
    sft: Training
    overlapped: bool = False
    """Whether engines work while the learner does."""
    engine_bytes: int = 2
    """Of a weight in the engines."""
    encoder_parameters: int = 0
    """Of the text encoder that the reward needs; 0 for none."""
    encoder_on_gpu: bool = False
