"""Requests to engines, their answers, and the specification of an engine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LogLine = Callable[[str], None]
"""Function that shows one line of progress to the user."""


@dataclass(frozen=True)
class GenerateRequest:
    """One completion to sample. Its seed makes it independent of batch and order."""

    prompt_ids: list[int]
    max_tokens: int
    temperature: float
    seed: int
    use_base_model: bool = False
    """Whether to use the base weights, whatever adapter the engine serves."""


@dataclass(frozen=True)
class Completion:
    """Token ids as sampled (the end token included) and their log-probs (nats) under the engine that wrote them."""

    token_ids: list[int]
    logprobs: list[float]
    finished: bool
    """Whether it ended with one of the engine's `stop_token_ids`, and was not cut at `max_tokens`."""
    version: int
    """Version of the weights that sampled it."""

    @property
    def text_ids(self) -> list[int]:
        """The token ids without the end token."""
        return self.token_ids[:-1] if self.finished else self.token_ids


@dataclass(frozen=True)
class ScoreRequest:
    """A completion to score: log-probs of its tokens given the prompt and, on request, entropies."""

    prompt_ids: list[int]
    completion_ids: list[int]
    entropies: bool = False
    use_base_model: bool = False
    """Like that of GenerateRequest."""


@dataclass(frozen=True)
class Scored:
    """One value per completion token, in nats: its log-prob given the prompt and the tokens before it, and the entropy
    of the distribution at its position (None unless requested)."""

    logprobs: list[float]
    entropies: list[float] | None = None

    def __add__(self, tail: "Scored") -> "Scored":
        """Concatenate the values of two parts of one completion."""
        entropies = None if self.entropies is None else self.entropies + (tail.entropies or [])
        return Scored(self.logprobs + tail.logprobs, entropies)


@dataclass(frozen=True)
class WeightSpec:
    """Weights to serve: the engine method that loads them, and its arguments."""

    version: int
    method: str
    args: tuple[Any, ...]
    checksum: int | None = None
    """Checksum of the tensors; None if unknown to the sender."""


BASE_WEIGHTS = WeightSpec(0, "reset_to_base", ())
"""The model that the engines have started with."""


@dataclass(frozen=True)
class Heartbeat:
    """Heartbeat of an engine."""

    pid: int
    version: int
    steps: int
    """Engine steps since the start; an engine with work makes progress if they increase."""
    working: bool
    tokens: int = 0
    """Prompt and completion tokens computed since the start."""
    busy_seconds: float = 0.0
    """Seconds spent in engine steps since the start."""


def max_batched_tokens(device: str, max_model_len: int) -> int:
    """Tokens that an engine schedules at once.

    Scoring holds log-probs over the vocabulary for all of them, which vLLM's memory profiling does not include.
    """
    return max(1024 if device == "cpu" else 4096, max_model_len)


@dataclass(frozen=True)
class EngineSpec:
    """Arguments of an engine actor."""

    model: str
    dtype: str
    max_model_len: int
    max_num_seqs: int
    device: str
    threads: int
    tensor_parallel_size: int
    gpu_memory_utilization: float
    kv_cache_gb: float
    num_cpus: float
    num_gpus: float
    labels: dict[str, str] = field(default_factory=dict)
    """Ray label selector of the machines that it may run on."""
    max_lora_rank: int = 0
    """Largest rank of an adapter that it can serve; 0 disables adapters."""
    sleep_mode: bool = False
    """Whether it can free its GPU while others work there (vLLM's `enable_sleep_mode`)."""
    stop_token_ids: tuple[int, ...] = ()
    """The ids that end a completion; what the model's files name besides does not."""

    @property
    def env(self) -> dict[str, str]:
        """Environment of the actor's process, which vLLM and OpenMP read at import."""
        threads = str(self.threads)
        env = {
            # Run the engine core in the actor's process: a child process would outlive a killed actor.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_LOGGING_LEVEL": "WARNING",
            "VLLM_NO_USAGE_STATS": "1",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        }
        if self.device == "cpu":
            # torch.compile takes 35 s at the first request and gains nothing on small CPU models.
            env |= {
                "TORCHDYNAMO_DISABLE": "1",
                "VLLM_CPU_OMP_THREADS_BIND": "nobind",
                # Settings of glibc and torch: reuse freed blocks. By default large ones go back to the kernel, which
                # has to zero them for the next allocation.
                "MALLOC_MMAP_MAX_": "0",
                "MALLOC_TRIM_THRESHOLD_": str(2**40),
                "THP_MEM_ALLOC_ENABLE": "1",
            }
        return env
