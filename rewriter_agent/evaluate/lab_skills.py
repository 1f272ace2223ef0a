"""The laboratory's skills as retention tasks of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.types import Completion, GenerateRequest
from rewriter_agent.config.evaluate import LAB_PREFIX, EvaluateConfig
from rewriter_agent.data.lab_world.skill import MAX_TOKENS, Item, is_correct
from rewriter_agent.data.lab_world.skills import retention_items
from rewriter_agent.data.prompts import user_messages

from .result import STRICT, PartResult
from .statistics import estimate
from .tokens import chat_prompt_ids, decode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .fleet_lm import Fleet


def evaluate_skills(
    fleet: Fleet,
    tokenizer: PreTrainedTokenizerBase,
    names: Sequence[str],
    config: EvaluateConfig,
    system_prompt: str | None = None,
) -> list[PartResult]:
    """Greedy accuracy (`exact`) on items of each skill `lab_<skill>`, asked in one go: replies are short, and few of
    them do not fill an engine. A reply without its end is wrong.

    Raises ValueError when a skill has fewer than `config.retention_limit` items.
    """
    limit = config.retention_limit
    assert limit is not None, "a rule of the config"
    items = {name: retention_items(name.removeprefix(LAB_PREFIX), limit, config.seed) for name in names}
    prompts = [user_messages(item.prompt, system_prompt) for its in items.values() for item in its]
    replies = iter(
        fleet.generate(
            [
                GenerateRequest(
                    chat_prompt_ids(tokenizer, prompt), MAX_TOKENS, temperature=0.0, seed=config.seed
                )
                for prompt in prompts
            ]
        )
    )
    return [_graded(name, its, [next(replies) for _ in its], tokenizer) for name, its in items.items()]


def _graded(
    name: str, items: Sequence[Item], replies: Sequence[Completion], tokenizer: PreTrainedTokenizerBase
) -> PartResult:
    texts = [decode(tokenizer, reply.token_ids) for reply in replies]
    rows = list(zip(items, texts, replies, strict=True))
    scores = {item.key: float(is_correct(item, text, reply.finished)) for item, text, reply in rows}
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
