"""One vLLM engine for many callers: what each asks for joins the batch that is running."""

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")


class BrokenEngineError(RuntimeError):
    """The engine cannot do the least any more."""


@dataclass(eq=False)
class _Batch:
    outputs: dict[str, Any] = field(default_factory=dict)
    """By vLLM's id, in the order in which they were asked for; None where there is none yet."""
    done: Future[list[Any]] = field(default_factory=Future)
    missing: int = 0


class Batching:
    """A thread that steps the engine as long as there is something to do; only it touches the engine."""

    def __init__(self, llm: Any, threads: int) -> None:
        """`threads` are those of one step."""
        self.llm = llm
        self.threads = threads
        self.steps = 0
        self.tokens = 0
        self.busy_seconds = 0.0
        self._asked: dict[str, _Batch] = {}
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Callable[[], None]]] = queue.SimpleQueue()
        Thread(target=self._serve, name="engine", daemon=True).start()

    @property
    def working(self) -> bool:
        """Whether it has something to do."""
        return bool(self._asked)

    def run(
        self,
        prompts: Sequence[Any],
        params: Sequence[Any],
        adapters: Callable[[], Sequence[Any] | None] = lambda: None,
    ) -> list[Any]:
        """vLLM's final outputs, order kept; from any thread.

        `adapters` gives vLLM's requests for them, None for none; what it finds of the engine then stays so until all
        outputs are there, and what it raises is raised.

        Raises:
            BrokenEngineError: the engine failed, and fails at everything.
            RuntimeError: other calls wanted it for themselves meanwhile.
        """
        batch = _Batch()
        self._inbox.put((batch.done, lambda: self._add(batch, prompts, params, adapters)))
        return batch.done.result()

    def alone(self, call: Callable[[], Result]) -> Result:
        """What `call` returns; it has the engine for itself. What is being computed then is given up: whoever drives
        the engine asks for this between two batches, so that nobody waits for those that are left (a learner that died
        has left them)."""
        done: Future[Result] = Future()

        def work() -> None:
            self._give_up(RuntimeError("given up: the engine was wanted for other weights"))
            done.set_result(call())

        self._inbox.put((done, work))
        return done.result()

    def _serve(self) -> None:
        import torch

        # A thread has its own number of threads in OpenMP.
        torch.set_num_threads(self.threads)
        while True:
            self._take_in()
            if self._asked:
                self._step()

    def _take_in(self) -> None:
        block = not self._asked
        while True:
            try:
                done, work = self._inbox.get(block)
            except queue.Empty:
                return
            block = False
            try:
                work()
            except Exception as error:  # noqa: BLE001
                # Whoever asked is to know; the others' requests are none the worse for it.
                done.set_exception(error)

    def _add(
        self,
        batch: _Batch,
        prompts: Sequence[Any],
        params: Sequence[Any],
        adapters: Callable[[], Sequence[Any] | None],
    ) -> None:
        ids = self.llm.enqueue(list(prompts), list(params), lora_request=adapters(), use_tqdm=False)
        # vLLM hands out an id with a random tail, and answers without it.
        names = [name.rpartition("-")[0] for name in ids]
        batch.outputs, batch.missing = dict.fromkeys(names), len(names)
        self._asked.update(dict.fromkeys(names, batch))
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
        batch = self._asked.pop(output.request_id)
        batch.outputs[output.request_id] = output
        batch.missing -= 1
        if not batch.missing:
            batch.done.set_result(list(batch.outputs.values()))

    def _fail(self, error: Exception) -> None:
        """Nothing of what was running is left for the next batch to get."""
        failed = set(self._asked.values())
        self._asked = {}
        try:
            self._abort()
            self._do_the_least()
        except Exception as second:  # noqa: BLE001
            error = BrokenEngineError(
                f"{type(error).__name__}: {error}; and then {type(second).__name__}: {second}"
            )
        for batch in failed:
            batch.done.set_exception(error)

    def _give_up(self, reason: Exception) -> None:
        given_up = set(self._asked.values())
        self._asked = {}
        for batch in given_up:
            batch.done.set_exception(reason)
        if given_up:
            self._abort()

    def _abort(self) -> None:
        engine = self.llm.llm_engine
        engine.abort_request(list(engine.output_processor.request_states), internal=True)

    def _do_the_least(self) -> None:
        from vllm import SamplingParams, TokensPrompt

        self.llm.generate(
            [TokensPrompt(prompt_token_ids=[1])],
            SamplingParams(max_tokens=1, detokenize=False),
            use_tqdm=False,
        )
