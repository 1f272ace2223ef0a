"""A vLLM engine as a Ray actor, which samples, scores and swaps weights in place."""

import gc
import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.compat.vllm import allow_amx, check_vllm
from cluster.types import (
    Completion,
    EngineSpec,
    GenerateRequest,
    Heartbeat,
    Scored,
    ScoreRequest,
    max_batched_tokens,
)

from .entropy_logprobs import ENTROPY_ID
from .lora import LoraManager
from .named_weights import Weights
from .request_loop import RequestLoop
from .worker_extension import WORKER_EXTENSION


class VLLMEngine:
    """Serves one version of the weights. Create it as a Ray actor with `spec.env`; calls may overlap."""

    def __init__(self, spec: EngineSpec) -> None:
        # Imports take a quarter longer if the collector scans all modules so far a thousand times.
        gc.disable()
        import torch
        from vllm import LLM

        # vLLM collects garbage five times as it loads a model, half of the time of that; modules are exempt then.
        gc.freeze()
        gc.enable()
        check_vllm()
        if spec.device == "cpu":
            allow_amx()
        torch.set_num_threads(spec.threads)
        self.version = 0
        # vLLM does not remove the rendezvous file of its workers.
        with _temporary_files():
            self.llm = LLM(
                model=spec.model,
                dtype=spec.dtype,  # ty: ignore[invalid-argument-type]
                max_model_len=spec.max_model_len,
                max_num_seqs=spec.max_num_seqs,
                max_num_batched_tokens=max_batched_tokens(spec.device, spec.max_model_len),
                # Chunked prefill rewinds the generator of a seeded request, which vLLM's CPU sampler does not support.
                enable_chunked_prefill=False if spec.device == "cpu" else None,
                tensor_parallel_size=spec.tensor_parallel_size,
                gpu_memory_utilization=spec.gpu_memory_utilization,
                kv_cache_memory_bytes=int(spec.kv_cache_gb * 1024**3) if spec.device == "cpu" else None,
                enforce_eager=spec.device == "cpu",
                enable_sleep_mode=spec.sleep_mode,
                # Prefixes are shared in whole blocks, and the CPU's default block is as long as many prompts.
                block_size=32 if spec.device == "cpu" else None,
                # Importance ratios need the log-probs after temperature, from which tokens are sampled.
                logprobs_mode="processed_logprobs",
                enable_lora=spec.max_lora_rank > 0,
                max_lora_rank=spec.max_lora_rank or 16,
                # vLLM's CPU kernels map tokens without an adapter to the last adapter slot, which has to be empty.
                max_loras=2 if spec.device == "cpu" else 1,
                worker_extension_cls=WORKER_EXTENSION,
                trust_remote_code=False,
                disable_log_stats=True,
            )
        self.stop_token_ids = spec.stop_token_ids
        self.lora = LoraManager(self.llm) if spec.max_lora_rank else None
        self.has_base_weights = True
        """Whether no checkpoint has replaced the weights that the engine has started with."""
        self.llm.collective_rpc("report_entropies")
        self.loop = RequestLoop(self.llm, spec.threads)
        # What fails here fails at every start: an engine that never started is not restarted.
        self.loop.smoke_test()

    def ready(self) -> int:
        """Return the served version, once the model is loaded."""
        return self.version

    def heartbeat(self) -> Heartbeat:
        """Report progress, also while requests are running."""
        loop = self.loop
        return Heartbeat(
            os.getpid(),
            self.version,
            loop.steps,
            loop.working,
            loop.tokens,
            loop.busy_seconds,
        )

    def generate(self, requests: Sequence[GenerateRequest], version: int) -> list[Completion]:
        """Sample each request under weights `version`, without top-p or top-k, which would bias importance ratios."""
        from vllm import SamplingParams, TokensPrompt

        prompts = [TokensPrompt(prompt_token_ids=r.prompt_ids) for r in requests]
        params = [
            SamplingParams(
                max_tokens=r.max_tokens,
                temperature=r.temperature,
                seed=r.seed,
                logprobs=0,
                detokenize=False,
                # vLLM would add the ends that it makes out by itself.
                ignore_eos=True,
                stop_token_ids=list(self.stop_token_ids),
            )
            for r in requests
        ]
        outputs = self.loop.run(prompts, params, lambda: self._lora_requests(requests, version))
        return [_completion(o.outputs[0], version) for _, o in zip(requests, outputs, strict=True)]

    def score(self, requests: Sequence[ScoreRequest], version: int) -> list[Scored]:
        """Score each completion under weights `version`; completions of one prompt share its computation."""
        tails = self._score(requests, version, share_prefixes=True)
        # Completions with a common beginning share that as well, and vLLM returns no log-probs of shared tokens.
        missed = [len(r.completion_ids) - len(tail.logprobs) for r, tail in zip(requests, tails, strict=True)]
        cut = [
            replace(r, completion_ids=r.completion_ids[:n])
            for r, n in zip(requests, missed, strict=True)
            if n
        ]
        heads = iter(self._score(cut, version, share_prefixes=False))
        return [next(heads) + tail if n else tail for n, tail in zip(missed, tails, strict=True)]

    def publish(self, version: int, weights: Sequence[tuple[str, Any]]) -> tuple[int, int]:
        """Serve `weights` (checkpoint name, tensor); return the version and their checksum."""
        return self._load_weights(version, weights)

    def load(self, version: int, folder: str) -> tuple[int, int]:
        """Serve the safetensors checkpoint in `folder`; return the version and its checksum."""
        return self._load_weights(version, Path(folder))

    def load_lora(self, version: int, folder: str) -> tuple[int, int]:
        """Serve the adapter in `folder` on the base weights; return the version and the adapter's checksum."""
        lora = self.lora
        assert lora is not None, "the engine was started without LoRA"
        if not self.has_base_weights:
            self.reset_to_base()

        def change() -> int:
            adapter_checksum = lora.serve(version, Path(folder))
            self.version = version
            return adapter_checksum

        return version, self.loop.exclusive(change)

    def reset_to_base(self) -> tuple[int, int]:
        """Serve the base weights again, as version 0; return the version and their checksum."""
        answer = self._load_weights(0, Path(self.llm.model_config.model))
        self.has_base_weights = True
        return answer

    def sleep(self) -> None:
        """Free the GPU, except for a copy of the weights on the host; the next call wakes the engine."""
        self.loop.sleep()

    def _load_weights(self, version: int, weights: Weights) -> tuple[int, int]:
        def reload() -> int:
            if self.lora is not None:
                self.lora.drop()
            # All workers must have received the same tensors.
            (received,) = set(self.llm.collective_rpc("load_named_weights", kwargs={"weights": weights}))
            self.llm.reset_prefix_cache()
            self.version, self.has_base_weights = version, False
            return received

        return version, self.loop.exclusive(reload)

    def _lora_requests(
        self, requests: Sequence[GenerateRequest | ScoreRequest], version: int
    ) -> list[Any] | None:
        """The LoRARequest, or None for the base model, of each request.

        Raises:
            RuntimeError: the engine serves another version, or a request is for the base model, which a checkpoint has
                replaced.
        """
        if version != self.version:
            raise RuntimeError(
                f"request for weights version {version}, but this engine serves {self.version}"
            )
        if not self.has_base_weights and any(request.use_base_model for request in requests):
            raise RuntimeError(
                f"request for the base model, but this engine serves a checkpoint as version {self.version}"
            )
        if self.lora is None:
            return None
        return [None if request.use_base_model else self.lora.request for request in requests]

    def _score(self, requests: Sequence[ScoreRequest], version: int, share_prefixes: bool) -> list[Scored]:
        from vllm import SamplingParams, TokensPrompt

        prompts = [TokensPrompt(prompt_token_ids=r.prompt_ids + r.completion_ids) for r in requests]
        params = [
            SamplingParams(
                max_tokens=1,
                temperature=0,
                prompt_logprobs=int(r.entropies),
                detokenize=False,
                skip_reading_prefix_cache=not share_prefixes,
            )
            for r in requests
        ]
        outputs = self.loop.run(prompts, params, lambda: self._lora_requests(requests, version))
        return [_scored(request, output) for request, output in zip(requests, outputs, strict=True)]


@contextmanager
def _temporary_files() -> Generator[None]:
    """Use a temporary directory, removed at the end, for the temporary files that this process makes in the block."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        # A documented global of `tempfile`. TMPDIR would come too late: this process has used `tempfile` before.
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _completion(output: Any, version: int) -> Completion:
    token_ids = list(output.token_ids)
    logprobs = [entry[token].logprob for entry, token in zip(output.logprobs, token_ids, strict=True)]
    return Completion(token_ids, logprobs, output.finish_reason == "stop", version)


def _scored(request: ScoreRequest, output: Any) -> Scored:
    """Scores of the completion's tokens after the cached prefix."""
    # A token's log-prob comes from the position before it: the first token after the prefix has none either.
    start = max(len(request.prompt_ids), output.num_cached_tokens + 1)
    entries = output.prompt_logprobs[start:]
    tokens = (request.prompt_ids + request.completion_ids)[start:]
    return Scored(
        [entry[token].logprob for entry, token in zip(entries, tokens, strict=True)],
        [entry[ENTROPY_ID].logprob for entry in entries] if request.entropies else None,
    )
