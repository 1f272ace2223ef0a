"""What the memory of a run depends on."""

from dataclasses import dataclass
from math import ceil


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
    shares_prompts: bool = True
    """Whether the learner can compute a prompt once for several completions."""

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
    group: int = 0
    """Sequences of a batch that have one prompt, which is computed once for them; 0 where each is computed whole."""
    completion: int = 0
    """Tokens of a sequence behind such a prompt, which alone have logits."""

    @property
    def tokens(self) -> int:
        """That a pass computes at most."""
        if not self.group:
            return self.batch * self.length
        # A batch that is no multiple of a group, nor part of one, may begin and end within others.
        torn = self.batch % self.group and self.group % self.batch
        prompts = ceil(self.batch / self.group) + bool(torn)
        return self.batch * self.completion + prompts * (self.length - self.completion)

    @property
    def predicted(self) -> int:
        """Those of them that have logits."""
        return self.batch * (self.completion if self.group else self.length)


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
