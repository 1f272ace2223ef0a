"""What goes to an engine and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Log = Callable[[str], None]
"""Function that shows one line of progress to the user."""


@dataclass(frozen=True)
class GenerateRequest:
    """One completion to sample. The seed makes it independent of batch and order."""

    prompt_ids: list[int]
    max_tokens: int
    temperature: float
    seed: int
    of_backbone: bool = False
    """Of the weights that engines have started with, whatever adapter they serve."""


@dataclass(frozen=True)
class Completion:
    """Token ids as sampled (EOS included) and their log-probs (nats) under the engine that wrote them."""

    token_ids: list[int]
    logprobs: list[float]
    finished: bool
    """Ended with EOS, not cut at `max_tokens`."""
    version: int
    """Of the weights that wrote it."""


@dataclass(frozen=True)
class ScoreRequest:
    """A completion whose tokens' log-probs given the prompt are wanted, and where asked for, entropies."""

    prompt_ids: list[int]
    completion_ids: list[int]
    entropies: bool = False
    of_backbone: bool = False
    """As of a request to sample."""


@dataclass(frozen=True)
class Scored:
    """One value a completion token, in nats: its log-prob given the prompt and the tokens before it, and the
    entropy of the distribution that it was drawn from (None where not asked for)."""

    logprobs: list[float]
    entropies: list[float] | None = None

    def __add__(self, tail: "Scored") -> "Scored":
        """The values of two parts of one completion, joined."""
        entropies = None if self.entropies is None else self.entropies + (tail.entropies or [])
        return Scored(self.logprobs + tail.logprobs, entropies)


@dataclass(frozen=True)
class Served:
    """Weights that engines are to serve: the method by which one gets them, and what it is called with."""

    version: int
    method: str
    args: tuple[Any, ...]
    checksum: int | None = None
    """Of the tensors; None where it is not known here."""


STARTED_WITH = Served(0, "reset", ())
"""The model that engines start with."""


@dataclass(frozen=True)
class Beat:
    """An engine's sign of life."""

    pid: int
    version: int
    steps: int
    """Of the engine since its start: it makes progress as long as they become more."""
    working: bool
    tokens: int = 0
    """That it has computed since then, of prompts and of completions."""
    busy_seconds: float = 0.0
    """That its steps have taken."""


def batched_tokens(device: str, max_model_len: int) -> int:
    """That an engine schedules at once: it holds log-probs over the vocabulary of all, which vLLM does not budget."""
    return max(1024 if device == "cpu" else 4096, max_model_len)


@dataclass(frozen=True)
class EngineSpec:
    """What an engine actor needs to start."""

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
    """Of the machines that it may be on."""
    max_lora_rank: int = 0
    """Of an adapter that it can serve; 0 for none."""

    @property
    def env(self) -> dict[str, str]:
        """Environment of the actor's process; vLLM and OpenMP read it at import."""
        threads = str(self.threads)
        env = {
            # One process to die with the actor, no orphaned engine core.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_LOGGING_LEVEL": "WARNING",
            "VLLM_NO_USAGE_STATS": "1",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        }
        if self.device == "cpu":
            # Compiling costs 35 s at the first request and wins nothing on small CPU models.
            env |= {
                "TORCHDYNAMO_DISABLE": "1",
                "VLLM_CPU_OMP_THREADS_BIND": "nobind",
                # Read by glibc and by torch: freed blocks are used again, where the kernel would take them back at once
                # and zero them for the next.
                "MALLOC_MMAP_MAX_": "0",
                "MALLOC_TRIM_THRESHOLD_": str(2**40),
                "THP_MEM_ALLOC_ENABLE": "1",
            }
        return env
