"""A vLLM engine as a Ray actor: samples, scores, and swaps weights in place."""

import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.types import Beat, Completion, EngineSpec, GenerateRequest, Scored, ScoreRequest, batched_tokens

from .entropy_logprobs import ENTROPY_ID, gather_without_ranks
from .lora import Adapters, taken_off
from .named_weights import Checksum, checkpoint_tensors
from .request_loop import Batching

Weights = Sequence[tuple[str, Any]] | Path
"""Tensors by their checkpoint names, or the folder of a checkpoint."""


class Engine:
    """Serves one set of weights, named by a version. Create it as a Ray actor with `spec.env`; calls may overlap."""

    def __init__(self, spec: EngineSpec) -> None:
        import torch
        from vllm import LLM

        torch.set_num_threads(spec.threads)
        self.version = 0
        # vLLM leaves the file by which its workers find one another.
        with _temporary_files():
            self.llm = LLM(
                model=spec.model,
                dtype=spec.dtype,  # ty: ignore[invalid-argument-type]
                max_model_len=spec.max_model_len,
                max_num_seqs=spec.max_num_seqs,
                max_num_batched_tokens=batched_tokens(spec.device, spec.max_model_len),
                # A prompt prefilled in parts rewinds its seeded generator, which vLLM's CPU sampler cannot.
                enable_chunked_prefill=False if spec.device == "cpu" else None,
                tensor_parallel_size=spec.tensor_parallel_size,
                gpu_memory_utilization=spec.gpu_memory_utilization,
                kv_cache_memory_bytes=int(spec.kv_cache_gb * 1024**3) if spec.device == "cpu" else None,
                enforce_eager=spec.device == "cpu",
                # Prefixes are shared by whole blocks, and the CPU's default is as long as many a prompt.
                block_size=32 if spec.device == "cpu" else None,
                # The importance ratio needs the log-probs that tokens were really sampled from.
                logprobs_mode="processed_logprobs",
                enable_lora=spec.max_lora_rank > 0,
                max_lora_rank=spec.max_lora_rank or 16,
                # On a CPU vLLM has tokens without an adapter use the last place for one: that has to be empty.
                max_loras=2 if spec.device == "cpu" else 1,
                trust_remote_code=False,
                disable_log_stats=True,
            )
        self.adapters = Adapters(self.llm) if spec.max_lora_rank else None
        self.own_weights = True
        """Those that it has started with."""
        self.llm.collective_rpc(gather_without_ranks)
        self.batching = Batching(self.llm, spec.threads)

    def ready(self) -> int:
        """The version that it serves, once the model is loaded."""
        return self.version

    def beat(self) -> Beat:
        """A sign of life, while it works as well."""
        batching = self.batching
        return Beat(
            os.getpid(),
            self.version,
            batching.steps,
            batching.working,
            batching.tokens,
            batching.busy_seconds,
        )

    def generate(self, requests: Sequence[GenerateRequest], version: int) -> list[Completion]:
        """Sample each request under the weights `version`, without top-p or top-k (they bias the ratio)."""
        from vllm import SamplingParams, TokensPrompt

        prompts = [TokensPrompt(prompt_token_ids=r.prompt_ids) for r in requests]
        params = [
            SamplingParams(
                max_tokens=r.max_tokens, temperature=r.temperature, seed=r.seed, logprobs=0, detokenize=False
            )
            for r in requests
        ]
        outputs = self.batching.run(prompts, params, lambda: self._adapters(requests, version))
        return [_completion(o.outputs[0], version) for _, o in zip(requests, outputs, strict=True)]

    def score(self, requests: Sequence[ScoreRequest], version: int) -> list[Scored]:
        """Each completion's tokens under the weights `version`; completions of one prompt share its computation."""
        tails = self._score(requests, version, share_prefixes=True)
        # Two completions that begin alike share that too, and of shared tokens there are no log-probs.
        missed = [len(r.completion_ids) - len(tail.logprobs) for r, tail in zip(requests, tails, strict=True)]
        cut = [
            replace(r, completion_ids=r.completion_ids[:n])
            for r, n in zip(requests, missed, strict=True)
            if n
        ]
        heads = iter(self._score(cut, version, share_prefixes=False))
        return [next(heads) + tail if n else tail for n, tail in zip(missed, tails, strict=True)]

    def publish(self, version: int, weights: Sequence[tuple[str, Any]]) -> tuple[int, int]:
        """Serve `weights` (checkpoint name, tensor) from now on; answers the version served and their checksum."""
        return self._serve(version, weights)

    def load(self, version: int, folder: str) -> tuple[int, int]:
        """Serve the safetensors checkpoint in `folder`; answers the version served and its checksum."""
        return self._serve(version, Path(folder))

    def adapt(self, version: int, folder: str) -> tuple[int, int]:
        """Serve the model that it has started with under the adapter in `folder`; answers the version served and the
        adapter's checksum."""
        adapters = self.adapters
        assert adapters is not None, "it has no room for adapters"
        if not self.own_weights:
            self.reset()

        def change() -> int:
            found = adapters.serve(version, Path(folder))
            self.version = version
            return found

        return version, self.batching.alone(change)

    def reset(self) -> tuple[int, int]:
        """Serve the model that it has started with again, as version 0; answers this and its checksum."""
        reset = self._serve(0, Path(self.llm.model_config.model))
        self.own_weights = True
        return reset

    def _serve(self, version: int, weights: Weights) -> tuple[int, int]:
        def reload() -> int:
            if self.adapters is not None:
                self.adapters.drop()
            # All of its workers, or it cannot serve.
            (received,) = set(self.llm.collective_rpc(_reload, kwargs={"weights": weights}))
            self.llm.reset_prefix_cache()
            self.version, self.own_weights = version, False
            return received

        return version, self.batching.alone(reload)

    def _adapters(self, requests: Sequence[GenerateRequest | ScoreRequest], version: int) -> list[Any] | None:
        """What vLLM is to answer each of them with under the weights `version`.

        Raises:
            RuntimeError: it serves another version; or the backbone is asked, and it serves another checkpoint.
        """
        if version != self.version:
            raise RuntimeError(f"asked for weights version {version}, this engine serves {self.version}")
        if not self.own_weights and any(request.of_backbone for request in requests):
            raise RuntimeError(
                f"asked for the backbone, this engine serves a checkpoint as version {self.version}"
            )
        if self.adapters is None:
            return None
        return [None if request.of_backbone else self.adapters.request for request in requests]

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
        outputs = self.batching.run(prompts, params, lambda: self._adapters(requests, version))
        return [_scored(request, output) for request, output in zip(requests, outputs, strict=True)]


@contextmanager
def _temporary_files() -> Generator[None]:
    """What is put among this process's temporary files meanwhile is removed."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="engine-") as tempfile.tempdir:
        yield
    tempfile.tempdir = before


def _completion(output: Any, version: int) -> Completion:
    token_ids = list(output.token_ids)
    logprobs = [entry[token].logprob for entry, token in zip(output.logprobs, token_ids, strict=True)]
    return Completion(token_ids, logprobs, output.finish_reason == "stop", version)


def _scored(request: ScoreRequest, output: Any) -> Scored:
    """The completion's last tokens: all but those whose log-probs the prefix cache spared."""
    # A token's log-prob comes from the position before it.
    start = max(len(request.prompt_ids), output.num_cached_tokens + 1)
    entries = output.prompt_logprobs[start:]
    tokens = (request.prompt_ids + request.completion_ids)[start:]
    return Scored(
        [entry[token].logprob for entry, token in zip(entries, tokens, strict=True)],
        [entry[ENTROPY_ID].logprob for entry in entries] if request.entropies else None,
    )


def _reload(worker: Any, weights: Weights) -> int:
    """In a worker: load them, and tell their checksum. The workers of an engine are other processes, where it has
    several, so that what they are given has to be something that can be sent."""
    received = Checksum()
    tensors = checkpoint_tensors(weights) if isinstance(weights, Path) else weights
    with taken_off(worker.get_model()):
        worker.reload_weights(weights_iterator=received.through(tensors))
        _repack_tied_head(worker)
    return received.value


def _repack_tied_head(worker: Any) -> None:
    """Give a tied head the new embedding: vLLM skips it on reload, and on CPU it computes with a packed copy."""
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

    if worker.model_config.hf_text_config.tie_word_embeddings:
        for module in worker.get_model().modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)
