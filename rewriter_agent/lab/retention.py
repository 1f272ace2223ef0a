"""The laboratory's skills as retention tasks of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.types import GenerateRequest

from ..config.evaluate import LAB_PREFIX, EvaluateConfig
from ..evaluate.result import STRICT, PartResult
from ..evaluate.statistics import estimate
from ..evaluate.tokens import chat_prompt_ids, decode
from ..prompts import user_messages
from .skill import MAX_TOKENS, is_correct
from .skills import retention_items

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..evaluate.fleet_lm import Fleet


def evaluate_skill(
    fleet: Fleet,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    config: EvaluateConfig,
    system_prompt: str | None = None,
) -> PartResult:
    """Greedy accuracy (`exact`) on items of the skill `lab_<skill>`; a reply without its end is wrong.

    Raises ValueError when the skill has fewer than `config.retention_limit` items.
    """
    assert config.retention_limit is not None, "a rule of the config"
    items = retention_items(name.removeprefix(LAB_PREFIX), config.retention_limit, config.seed)
    prompts = [user_messages(item.prompt, system_prompt) for item in items]
    completions = fleet.generate(
        [
            GenerateRequest(chat_prompt_ids(tokenizer, prompt), MAX_TOKENS, temperature=0.0, seed=config.seed)
            for prompt in prompts
        ]
    )
    texts = [decode(tokenizer, completion.token_ids) for completion in completions]
    rows = list(zip(items, texts, completions, strict=True))
    scores = {item.key: float(is_correct(item, text, done.finished)) for item, text, done in rows}
    accuracy = estimate(list(scores.values()))
    return PartResult(
        name=name,
        metric="exact",
        scores={STRICT: scores},
        chance=0.0,
        metrics={"exact": accuracy.value, "exact_stderr": accuracy.stderr},
        samples=[
            {"id": item.key, "question": item.prompt, "target": item.answer, "responses": [text]}
            for item, text, _ in rows
        ],
        source="laboratory",
    )
