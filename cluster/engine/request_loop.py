"""Loop that steps one vLLM engine for many callers, whose requests join the running batch."""

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, TypeVar

from cluster.compat.vllm import abort_all_requests, output_ids

Result = TypeVar("Result")


class BrokenEngineError(RuntimeError):
    """The engine fails even a minimal request."""


@dataclass(eq=False)
class _Batch:
    outputs: dict[str, Any] = field(default_factory=dict)
    """Outputs by vLLM's request id, in the order of the requests; None until they are finished."""
    done: Future[list[Any]] = field(default_factory=Future)
    missing: int = 0


class RequestLoop:
    """A thread that steps the engine while there are requests; no other thread uses the engine.

    vLLM's `AsyncLLM` would batch calls as well, but runs the engine core in a process of its own. Here the core runs in
    the actor's process and cannot outlive a killed actor.
    """

    def __init__(self, llm: Any, threads: int) -> None:
        """`threads` is the number of CPU threads of a step."""
        self.llm = llm
        self.threads = threads
        self.steps = 0
        self.tokens = 0
        self.busy_seconds = 0.0
        self._asleep = False
        self._running: dict[str, _Batch] = {}
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Callable[[], None]]] = queue.SimpleQueue()
        Thread(target=self._serve, name="engine", daemon=True).start()

    @property
    def working(self) -> bool:
        """Whether there are running requests."""
        return bool(self._running)

    def run(
        self,
        prompts: Sequence[Any],
        params: Sequence[Any],
        adapters: Callable[[], Sequence[Any] | None] = lambda: None,
    ) -> list[Any]:
        """Run a batch and return vLLM's final outputs in order; may be called from any thread.

        `adapters` returns a LoRARequest (or None) per prompt, or None for all. It is called on the loop's thread when
        the batch starts, and its errors are raised here. Weights cannot change between that call and the last output.

        Raises:
            BrokenEngineError: the engine failed, and fails a probe request as well.
            RuntimeError: an `exclusive` call aborted the batch.
        """
        batch = _Batch()
        self._inbox.put((batch.done, lambda: self._add(batch, prompts, params, adapters)))
        return batch.done.result()

    def smoke_test(self) -> None:
        """Sample and score a token or two, which fails if a kernel is missing.

        Raises:
            BrokenEngineError: the engine fails.
        """
        from vllm import SamplingParams, TokensPrompt

        minimal = SamplingParams(max_tokens=2, temperature=0, prompt_logprobs=0, detokenize=False)
        self.run([TokensPrompt(prompt_token_ids=[1, 1])], [minimal])

    def exclusive(self, call: Callable[[], Result]) -> Result:
        """Abort all running requests, run `call` on the loop's thread and return its result.

        Weights change between two batches. A batch that still runs then comes from a learner that has died: no caller
        waits for it.
        """
        done: Future[Result] = Future()

        def work() -> None:
            self._abort(RuntimeError("aborted: the engine loads other weights"))
            self._wake_up()
            done.set_result(call())

        self._inbox.put((done, work))
        return done.result()

    def sleep(self) -> None:
        """Put the engine to sleep until its next batch or exclusive call."""

        def fall_asleep() -> None:
            self.llm.sleep(level=1)
            self._asleep = True

        self.exclusive(fall_asleep)

    def _wake_up(self) -> None:
        if self._asleep:
            self.llm.wake_up()
            self._asleep = False

    def _serve(self) -> None:
        import torch

        # OpenMP keeps the number of threads per thread.
        torch.set_num_threads(self.threads)
        while True:
            self._handle_inbox()
            if self._running:
                self._step()

    def _handle_inbox(self) -> None:
        block = not self._running
        while True:
            try:
                done, work = self._inbox.get(block)
            except queue.Empty:
                return
            block = False
            try:
                work()
            except Exception as error:  # noqa: BLE001
                # The error is the caller's; the requests of others are not affected.
                done.set_exception(error)

    def _add(
        self,
        batch: _Batch,
        prompts: Sequence[Any],
        params: Sequence[Any],
        adapters: Callable[[], Sequence[Any] | None],
    ) -> None:
        self._wake_up()
        ids = self.llm.enqueue(list(prompts), list(params), lora_request=adapters(), use_tqdm=False)
        names = output_ids(ids)
        batch.outputs, batch.missing = dict.fromkeys(names), len(names)
        self._running.update(dict.fromkeys(names, batch))
        if not names:
            batch.done.set_result([])

    def _step(self) -> None:
        start = time.monotonic()
        try:
            outputs = self.llm.llm_engine.step()
        except Exception as error:  # noqa: BLE001
            self._fail(error)
            return
        self.steps += 1
        self.busy_seconds += time.monotonic() - start
        for output in outputs:
            if output.finished:
                self._finish(output)

    def _finish(self, output: Any) -> None:
        self.tokens += len(output.prompt_token_ids) - (output.num_cached_tokens or 0)
        self.tokens += sum(len(completion.token_ids) for completion in output.outputs)
        batch = self._running.pop(output.request_id)
        batch.outputs[output.request_id] = output
        batch.missing -= 1
        if not batch.missing:
            batch.done.set_result(list(batch.outputs.values()))

    def _fail(self, error: Exception) -> None:
        """Fail the running batches and abort their requests, which would otherwise be part of the next batch."""
        failed = set(self._running.values())
        self._running = {}
        try:
            abort_all_requests(self.llm)
            self._probe()
        except Exception as second:  # noqa: BLE001
            # Whatever a probe raises, the engine is of no use any more.
            error = BrokenEngineError(_both(error, second))
        for batch in failed:
            batch.done.set_exception(error)

    def _abort(self, reason: Exception) -> None:
        aborted = set(self._running.values())
        self._running = {}
        for batch in aborted:
            batch.done.set_exception(reason)
        if aborted:
            abort_all_requests(self.llm)

    def _probe(self) -> None:
        """Sample one token."""
        from vllm import SamplingParams, TokensPrompt

        self.llm.generate(
            [TokensPrompt(prompt_token_ids=[1])],
            SamplingParams(max_tokens=1, detokenize=False),
            use_tqdm=False,
        )


def _both(first: Exception, second: Exception) -> str:
    """Messages of two errors, or one message if they are equal."""
    messages = [f"{type(error).__name__}: {error}" for error in (first, second)]
    return "; and then ".join(dict.fromkeys(messages))
