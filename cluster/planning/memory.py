"""Estimates, in GiB, of the memory that each process takes and what takes it."""

from dataclasses import dataclass, fields, replace

from cluster.config import ClusterConfig
from cluster.engine.lora import supported_rank
from cluster.types import max_batched_tokens

from .machine import GB
from .workload import ModelShape, TrainerWorkload, Workload

# Measured on Linux: libraries of an engine and of a trainer; Ray's processes, driver and launcher.
ENGINE_BASE_GB = 1.0
TRAINER_BASE_GB = 0.9
RAY_BASE_GB = 2.5
CUDA_BASE_GB = 0.8
QUANTIZED_BYTES = 0.52
"""Bytes of a 4-bit weight with its share of the quantized constants of 64 weights (QLoRA, arXiv 2305.14314)."""
LIVE_PARAMETERS = 1_000_000_000
"""Default of DeepSpeed's `stage3_max_live_parameters`: parameters that a worker keeps gathered at a time."""
TILE_TOKENS, TILE_VOCABULARY = 4096, 32_768
"""Size of the buffer in which TRL's fused head computes logits, in `trl/kernels/chunked_logprob.py`.

It has all its columns for a smaller vocabulary too.
"""
CPU_TILE_BYTES = 29
"""Bytes per logit that the head's backward pass takes on a CPU, next to the buffer.

`_backward_tile` there holds seven tensors in fp32 and one of truth values. On a GPU a Triton kernel needs none.
"""


@dataclass(frozen=True)
class Memory:
    """Memory of one process by its parts."""

    weights: float = 0.0
    kv_cache: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    activations: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return sum(getattr(self, part.name) for part in fields(self))


NO_MEMORY = Memory()


@dataclass(frozen=True)
class Footprint:
    """Memory of one process on its machine and on each of its GPUs."""

    host: Memory
    gpu: Memory = NO_MEMORY


def engine_footprint(
    config: ClusterConfig, work: Workload, scores: bool, adapters: bool, gpu_memory_gb: float | None
) -> Footprint:
    """Memory of a vLLM actor.

    On a GPU the KV cache gets the rest of the engine's share, or the size of one sequence if the GPU's memory is
    unknown.
    """
    model = work.model
    weights = work.engine_bytes * model.parameters / GB
    rank = supported_rank(work.learner.adapter_rank) if adapters else 0
    adapter = work.engine_bytes * rank * model.linear_widths / GB
    # Logits of one scheduled batch and their log-softmax, both in fp32 over the whole vocabulary.
    tokens = max_batched_tokens(config.device, work.max_model_len)
    logits = 4 * tokens * model.vocab_size / GB
    scoring = 2 * logits
    if config.device == "cpu":
        # A freed block that other tensors have cut is kept, and the next logits take another.
        scoring += logits
        # vLLM's CPU build keeps a packed copy of the weights, and a second, empty adapter slot.
        return Footprint(
            Memory(
                2 * (weights + adapter),
                kv_cache=config.kv_cache_gb,
                activations=scoring,
                other=ENGINE_BASE_GB,
            )
        )
    own = (weights + adapter) / config.tensor_parallel_size
    layer = 2 * tokens * model.linear_widths / max(1, model.layers) / GB / config.tensor_parallel_size
    if gpu_memory_gb is None:
        cache = sequence_gb(config, work)
    else:
        cache = config.gpu_memory_utilization * gpu_memory_gb - own - layer
    # vLLM's memory profiling does not include the log-probs of scored prompts.
    gpu = Memory(own, kv_cache=cache, activations=layer + scoring * scores, other=CUDA_BASE_GB)
    return Footprint(Memory(other=ENGINE_BASE_GB), gpu)


def sequence_gb(config: ClusterConfig, work: Workload) -> float:
    """KV cache of one sequence of maximal length on one GPU."""
    model = work.model
    keys_and_values = 2 * model.layers * model.kv_size * work.engine_bytes
    return work.max_model_len * keys_and_values / min(config.tensor_parallel_size, model.kv_heads) / GB


def learner_footprint(work: Workload, on_gpu: bool) -> Footprint:
    """Memory of a policy's trainer: the model with an adapter, and a full copy of the weights to publish."""
    training = work.learner
    # A whole copy on the host, in the precision of the engines, to publish or to save at the end.
    weights = training.weight_bytes * work.model.parameters / GB
    adapter = training.adapter_rank * work.model.linear_widths / GB
    trained = Memory(
        stored_gb(work.model, training) + 4 * adapter,
        gradients=4 * adapter,
        optimizer=8 * adapter,
        activations=activations(work.model, training, on_gpu),
    )
    if on_gpu:
        return Footprint(Memory(weights, other=TRAINER_BASE_GB), replace(trained, other=CUDA_BASE_GB))
    return Footprint(replace(trained, weights=trained.weights + weights, other=TRAINER_BASE_GB))


def sft_footprint(work: Workload, on_gpu: bool) -> Footprint:
    """Memory of a fine-tuning worker under ZeRO: its partition of all states, and what its passes need.

    A single worker without offload trains under ZeRO-1, which gathers no weights.
    """
    training, model = work.sft, work.model
    states = _partitioned(model, training)
    alone = training.workers == 1 and not training.offload
    gathered = 0.0 if alone else training.weight_bytes * min(model.parameters, LIVE_PARAMETERS) / GB
    reference = 0.0
    if training.reference and not training.adapter_rank:
        reference = training.weight_bytes * model.parameters / GB
    # Activations are freed before the optimizer's step begins.
    step = _optimizer_step(model, training)
    passes = activations(model, training, on_gpu)
    if not on_gpu:
        computing = Memory(gathered + reference, activations=max(passes, step))
        return Footprint(replace(_sum(states, computing), other=TRAINER_BASE_GB))
    # Rank 0 gathers the weights of a checkpoint; the estimate spreads them over all workers.
    written = training.weight_bytes * model.parameters / training.workers / GB
    host = Memory(written, other=TRAINER_BASE_GB)
    if training.offload:
        computing = Memory(gathered + reference, activations=passes, other=CUDA_BASE_GB)
        return Footprint(_sum(_sum(states, host), Memory(activations=step)), computing)
    computing = Memory(gathered + reference, activations=max(passes, step), other=CUDA_BASE_GB)
    return Footprint(host, _sum(states, computing))


def stored_gb(model: ModelShape, training: TrainerWorkload) -> float:
    """Memory of the model's weights in a trainer; embeddings and head are never in 4 bits."""
    if not training.load_in_4bit:
        return training.weight_bytes * model.parameters / GB
    whole = min(model.parameters, 2 * model.vocab_size * model.hidden_size)
    return (training.weight_bytes * whole + QUANTIZED_BYTES * (model.parameters - whole)) / GB


def activations(model: ModelShape, training: TrainerWorkload, on_gpu: bool) -> float:
    """Memory of the activations of a worker at the end of its forward pass, when the head's backward pass begins.

    Each layer keeps its own; with checkpointing only one does, and the others keep their inputs.
    """
    layers = max(1, model.layers)
    kept = model.linear_widths
    if training.checkpointing:
        kept = model.linear_widths // layers + model.hidden_size * layers
    of_layers = training.tokens * training.weight_bytes * kept
    masks = _masks(training, layers if on_gpu and not training.checkpointing else 1)
    if training.reference:
        # Divergences need whole logits, of the reference too: in fp32, with their log-softmax and its gradient.
        numbers = 2 * (of_layers + 12 * training.predicted * model.vocab_size)
    else:
        numbers = of_layers + _head(model, training, on_gpu)
    return (numbers / training.sp_size + masks) / GB


def _head(model: ModelShape, training: TrainerWorkload, on_gpu: bool) -> float:
    """Bytes of TRL's fused head, which computes the log-probs of predicted tokens in tiles.

    On a CPU the backward pass may need a buffer next to the one that the forward pass has freed: trainers keep freed
    blocks (`keep_freed_memory`), and another tensor may lie in that one by then.
    """
    rows = min(training.predicted, TILE_TOKENS)
    buffer = rows * TILE_VOCABULARY * training.weight_bytes
    return buffer if on_gpu else 2 * buffer + CPU_TILE_BYTES * rows * min(model.vocab_size, TILE_VOCABULARY)


def _masks(training: TrainerWorkload, copies: int) -> float:
    """Bytes of the attention masks of packed rows: truth values, and summands of the scores.

    PyTorch's kernels on a GPU want rows of whole blocks, so each layer makes its own summands from the mask.
    """
    return training.prompts * training.row**2 * (1 + copies * training.weight_bytes) if training.group else 0


def _partitioned(model: ModelShape, training: TrainerWorkload) -> Memory:
    """Weights, gradients, fp32 master weights and two Adam moments, divided over the workers."""
    trained = _trained(model, training) / GB
    weights = stored_gb(model, training) / training.workers
    if training.adapter_rank:
        weights += training.weight_bytes * trained
    return Memory(weights, gradients=training.weight_bytes * trained, optimizer=(4 + 8) * trained)


def _optimizer_step(model: ModelShape, training: TrainerWorkload) -> float:
    """Memory that DeepSpeed's step takes: the gradients in one piece, and that in fp32."""
    return (training.weight_bytes + 4) * _trained(model, training) / GB


def _trained(model: ModelShape, training: TrainerWorkload) -> float:
    """Parameters that a worker updates: its part of the adapter, or of the model."""
    adapter = training.adapter_rank * model.linear_widths
    return (adapter or model.parameters) / training.workers


def _sum(one: Memory, other: Memory) -> Memory:
    return Memory(*(getattr(one, part.name) + getattr(other, part.name) for part in fields(Memory)))
