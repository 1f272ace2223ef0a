"""The laboratory's retention tasks: its skills, and its ordinary stories by number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster.types import Completion, GenerateRequest
from reward import extract_answer
from rewriter_agent.config.evaluate import LAB_PREFIX, LAB_STORIES, EvaluateConfig
from rewriter_agent.data.lab_world.drawing import story_items
from rewriter_agent.data.lab_world.problems import CONVENTION
from rewriter_agent.data.lab_world.skill import MAX_TOKENS, Item, is_correct
from rewriter_agent.data.lab_world.skills import retention_items
from rewriter_agent.data.prompts import qa_messages, user_messages

from .result import STRICT, PartResult
from .statistics import estimate
from .tokens import chat_prompt_ids, decode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .fleet_lm import Fleet

MAX_STORY_TOKENS = 224
"""Maximum tokens of a solution; the backbone's own of four steps have up to 209."""


def evaluate_lab_tasks(
    fleet: Fleet,
    tokenizer: PreTrainedTokenizerBase,
    names: Sequence[str],
    config: EvaluateConfig,
    system_prompt: str | None = None,
) -> list[PartResult]:
    """Greedy accuracy on items of each task, asked in one go: replies are short, and few of them do not fill an engine.

    A skill's reply must be the answer to the letter (`exact`), a story's must end with it (`accuracy`). A reply without
    its end is wrong.
    Raises ValueError when a task has fewer than `config.retention_limit` items.
    """
    limit = config.retention_limit
    assert limit is not None, "a rule of the config"
    items = {name: _items(name, limit, config.seed) for name in names}
    requests = [
        _request(name, item, tokenizer, config, system_prompt) for name, its in items.items() for item in its
    ]
    replies = iter(fleet.generate(requests))
    return [_graded(name, its, [next(replies) for _ in its], tokenizer) for name, its in items.items()]


def _items(name: str, count: int, seed: int) -> list[Item]:
    if name in LAB_STORIES:
        return story_items(LAB_STORIES[name], count, seed)
    return retention_items(name.removeprefix(LAB_PREFIX), count, seed)


def _request(
    name: str,
    item: Item,
    tokenizer: PreTrainedTokenizerBase,
    config: EvaluateConfig,
    system_prompt: str | None,
) -> GenerateRequest:
    if name in LAB_STORIES:
        prompt, max_tokens = qa_messages(item.prompt, CONVENTION, system_prompt), MAX_STORY_TOKENS
    else:
        prompt, max_tokens = user_messages(item.prompt, system_prompt), MAX_TOKENS
    return GenerateRequest(chat_prompt_ids(tokenizer, prompt), max_tokens, temperature=0.0, seed=config.seed)


def _graded(
    name: str, items: Sequence[Item], replies: Sequence[Completion], tokenizer: PreTrainedTokenizerBase
) -> PartResult:
    texts = [decode(tokenizer, reply.token_ids) for reply in replies]
    rows = list(zip(items, texts, replies, strict=True))
    right = _is_solved if name in LAB_STORIES else is_correct
    scores = {item.key: float(right(item, text, reply.finished)) for item, text, reply in rows}
    accuracy, metric = estimate(list(scores.values())), "accuracy" if name in LAB_STORIES else "exact"
    return PartResult(
        name=name,
        metric=metric,
        scores={STRICT: scores},
        chance=0.0,
        metrics={metric: accuracy.value, f"{metric}_stderr": accuracy.stderr},
        samples=[
            {"id": item.key, "question": item.prompt, "target": item.answer, "responses": [text]}
            for item, text, _ in rows
        ],
        source="laboratory",
    )


def _is_solved(item: Item, reply: str, finished: bool) -> bool:
    return finished and extract_answer(reply, CONVENTION) == item.answer
