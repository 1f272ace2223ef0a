"""lm-evaluation-harness on a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from cluster.types import Completion, EngineSpec, GenerateRequest, Scored, ScoreRequest

from .text_lm import TextLM
from .tokens import decode

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from transformers import PreTrainedTokenizerBase

MAX_GEN_TOKS = 256
"""Default of lm-eval if a task does not say."""
Encoded = tuple[tuple[str, str], list[int], list[int]]
"""lm-eval's ((context, continuation), context ids, continuation ids)."""


class Fleet(Protocol):
    """What evaluation needs of `cluster.fleet.fleet.Fleet`."""

    spec: EngineSpec

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]: ...

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]: ...


class FleetLM(TextLM):
    """An lm-eval model whose tokens and log-probs come from a fleet.

    Context and continuation are tokenised as `HFLM` does (`TemplateLM._encode_pair`), and inputs longer
    than `max_length` lose their beginning. `is_greedy` is always False: engines answer the log-probs of the
    given tokens, not of the most likely ones. Multiple choice does not read it; tasks that do (LAMBADA) are refused
    before they get here.
    """

    def __init__(self, fleet: Fleet, tokenizer: PreTrainedTokenizerBase, seed: int) -> None:
        super().__init__()
        self.fleet = fleet
        self.tokenizer = tokenizer
        self.seed = seed
        # An engine scores by generating one token after the text.
        self.max_length = fleet.spec.max_model_len - 1

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        return self.tokenizer.eos_token_id

    @property
    def prefix_token_id(self) -> int:
        """Stands for an empty context: BOS, or EOS if the model has none, as in `HFLM`."""
        bos = self.tokenizer.bos_token_id
        return self.eot_token_id if bos is None else bos

    @property
    def tokenizer_name(self) -> str:
        """Names lm-eval's request cache."""
        return self.tokenizer.name_or_path.replace("/", "__")

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """Sum of log-probs (nats) of each continuation given its context."""
        return super().loglikelihood(requests, disable_tqdm=disable_tqdm)

    def _loglikelihood_tokens(self, requests: list[Encoded], **_: object) -> list[tuple[float, bool]]:
        scored = self.fleet.score([self._score_request(context, rest) for _, context, rest in requests])
        return [(sum(tokens.logprobs), False) for tokens in scored]

    def _score_request(self, context: list[int], continuation: list[int]) -> ScoreRequest:
        max_context_length = self.max_length - len(continuation)
        if max_context_length < 1:
            raise ValueError(
                f"a continuation has {len(continuation)} tokens and the engines take {self.max_length} "
                "with at least one of context; raise model.max_model_len or leave the task out"
            )
        return ScoreRequest(context[-max_context_length:], continuation)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """Greedy texts, cut before the first stop string."""
        completions = self.fleet.generate([self._generate_request(*request.args) for request in requests])
        texts = [decode(self.tokenizer, c.text_ids) for c in completions]
        return [_cut(text, _until(request.args[1])) for text, request in zip(texts, requests, strict=True)]

    def _generate_request(self, context: str, gen_kwargs: dict) -> GenerateRequest:
        max_tokens = longest_answer(gen_kwargs)
        assert max_tokens < self.max_length, "checked before any work is done (`check_tasks`)"
        prompt_ids = self.tok_encode(context)[max_tokens - self.max_length :]
        temperature = gen_kwargs.get("temperature", 1.0) if gen_kwargs.get("do_sample") else 0.0
        return GenerateRequest(prompt_ids, max_tokens, temperature, self.seed)

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = True) -> list[float]:
        """Not computed here: tasks that need it are refused before (`retention_tasks`).

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("FleetLM does not measure perplexity; set evaluate.retention_backend=hf")


def longest_answer(gen_kwargs: dict) -> int:
    """Tokens that an answer under a task's settings may have."""
    return gen_kwargs.get("max_gen_toks", MAX_GEN_TOKS)


def _until(gen_kwargs: dict) -> Sequence[str]:
    until = gen_kwargs.get("until") or []
    return [until] if isinstance(until, str) else until


def _cut(text: str, until: Sequence[str]) -> str:
    ends = [text.index(stop) for stop in until if stop in text]
    return text[: min(ends)] if ends else text
