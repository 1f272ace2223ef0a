"""The facts about a run that its memory depends on."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a causal LM, from its config."""

    parameters: int
    """Number of parameters; tied ones count once."""
    vocab_size: int
    layers: int
    hidden_size: int
    kv_heads: int
    """Number of key-value heads, which limits how far tensor parallelism can divide the KV cache."""
    head_size: int
    linear_widths: int
    """Sum of the input and output sizes of all linear layers except the head.

    This is the number of parameters of a rank-1 LoRA adapter, and about the number of values per token that the
    backward pass needs.
    """
    shares_prompts: bool = True
    """Whether the learner can compute a prompt once for all of its completions."""

    @property
    def kv_size(self) -> int:
        """Width of the keys of one layer."""
        return self.kv_heads * self.head_size


@dataclass(frozen=True)
class TrainerWorkload:
    """Batch shape and precision of one trainer (GRPO or fine-tuning)."""

    workers: int
    batch: int
    """Sequences in one forward and backward pass of a worker."""
    length: int
    """Length of the longest sequence, in tokens."""
    weight_bytes: int = 2
    """Bytes of a weight in the forward and backward pass."""
    adapter_rank: int = 0
    """LoRA rank; 0 if all weights are trained."""
    load_in_4bit: bool = False
    """Whether the frozen weights under the adapter are in 4 bits."""
    checkpointing: bool = False
    """Whether the backward pass recomputes activations (gradient checkpointing)."""
    sp_size: int = 1
    """Number of workers that each sequence is split over (sequence parallelism)."""
    offload: bool = False
    """Whether the states of a GPU trainer are kept in host memory."""
    reference: bool = False
    """Whether each worker also computes a frozen reference model."""
    group: int = 0
    """Number of sequences that share one prompt, which is computed once for them; 0 if prompts are not shared."""
    completion: int = 0
    """Tokens after a shared prompt; only these have logits."""

    @property
    def prompts(self) -> int:
        """Largest number of shared prompts in one pass, each with a row of its own."""
        # A batch that neither divides a group nor is a multiple of one may begin and end within groups.
        misaligned = self.batch % self.group and self.group % self.batch
        return ceil(self.batch / self.group) + bool(misaligned)

    @property
    def row(self) -> int:
        """Length of the longest row: a shared prompt with all of its completions in the pass."""
        return self.length + (min(self.batch, self.group) - 1) * self.completion

    @property
    def tokens(self) -> int:
        """Largest number of tokens in one pass."""
        if not self.group:
            return self.batch * self.length
        return self.batch * self.completion + self.prompts * (self.length - self.completion)

    @property
    def predicted(self) -> int:
        """Largest number of tokens with logits in one pass."""
        return self.batch * (self.completion if self.group else self.length)


@dataclass(frozen=True)
class Workload:
    """The model of a run and its two trainers."""

    model: ModelShape
    max_model_len: int
    learner: TrainerWorkload
    sft: TrainerWorkload
    overlapped: bool = False
    """Whether engines sample while the learner trains."""
    engine_bytes: int = 2
    """Bytes of a weight in the engines."""
    encoder_parameters: int = 0
    """Parameters of the text encoder of the reward; 0 for none."""
    encoder_on_gpu: bool = False
    students: int = 0
    """Engines of a fine-tuned model that a service runs next to the others."""
