"""Retention: lm-evaluation-harness tasks that the model could do before."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Real
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.control_tokens import GUARD

from .harness import quiet
from .result import LENIENT, STRICT, PartResult, Scores
from .retention_tasks import RetentionTask, load_task
from .statistics import estimate
from .thinking import thinking

if TYPE_CHECKING:
    from lm_eval.api.model import LM

Sample = dict[str, Any]
"""One item as lm-evaluation-harness logs it, once for each of a task's filters."""
STRICT_LENIENT = (
    ("exact_match,strict-match", "exact_match,flexible-extract"),
    ("prompt_level_strict_acc,none", "prompt_level_loose_acc,none"),
    ("exact,none", "contains,none"),
)
"""Pairs of metric and filter that grade the same reply with and without its form."""


def evaluate_retention(
    lm: LM, name: str, config: EvaluateConfig, system_prompt: str | None = None
) -> PartResult:
    """One retention task through lm-eval's `evaluate`; metric keys are lm-eval's (`acc,none`).

    A group has the items of all its tasks.

    Raises:
        ValueError: unknown task, data that cannot be reached, or no score in [0, 1] for each item.
    """
    from lm_eval.evaluator import evaluate

    with quiet():
        task = load_task(name, config)
        chosen = choose(task, config)
        results = evaluate(
            lm,
            {"tasks": {part: task.tasks[part] for part in chosen}, "groups": {}, "group_map": {}},
            # Looked up in the list item by item.
            samples=chosen if config.retention_limit else None,
            bootstrap_iters=0,
            apply_chat_template=config.apply_chat_template,
            fewshot_as_multiturn=config.apply_chat_template,
            system_instruction=system_prompt if config.apply_chat_template else None,
        )
    assert results is not None, "only ranks above 0 get no results"
    return _part(task, results["samples"])


def choose(task: RetentionTask, config: EvaluateConfig) -> dict[str, list[int]]:
    """Places of the items to ask by task, `retention_limit` of all of them together; tasks without any left out."""
    places = [(part, place) for part, of in task.tasks.items() for place in range(len(of.eval_docs))]
    if config.retention_limit is not None and config.retention_limit < len(places):
        chosen = Random(f"{task.name}-{config.seed}").sample(range(len(places)), config.retention_limit)
        places = [places[index] for index in sorted(chosen)]
    found: dict[str, list[int]] = {}
    for part, place in places:
        found.setdefault(part, []).append(place)
    return found


def _part(task: RetentionTask, logged: dict[str, list[Sample]]) -> PartResult:
    samples = {
        f"{part}/{row['doc_id']}/{row['filter']}": row for part, rows in logged.items() for row in rows
    }
    several = len(task.tasks) > 1
    items = {key: key.rpartition("/")[0] if several else key.split("/")[-2] for key in samples}
    scores = _scores(samples, items)
    if not scores:
        raise ValueError(
            f"evaluate.retention: task {task.name} gives no score between 0 and 1 for each item, by which models could "
            "be compared; leave it out"
        )
    strict, lenient = next(
        (pair for pair in STRICT_LENIENT if scores.keys() >= set(pair)), (next(iter(scores)), None)
    )
    firsts = {items[key]: row for key, row in reversed(samples.items())}
    replies = [row["filtered_resps"][0] for row in firsts.values()]
    return PartResult(
        name=task.name,
        metric=strict,
        scores={STRICT: scores[strict]} | ({LENIENT: scores[lenient]} if lenient else {}),
        chance=_chance(task, logged, strict),
        metrics=_metrics(scores) | (_of_replies(firsts.values()) if isinstance(replies[0], str) else {}),
        samples=[_sample(item, row) for item, row in sorted(firsts.items())],
        source=task.source,
        groups={"subtask": {item: item.rpartition("/")[0] for item in firsts}} if several else {},
    )


def _of_replies(rows: Collection[Sample]) -> dict[str, float]:
    """Measures of replies: as the task's filter leaves them, and as they were written."""
    empty = fmean(not row["filtered_resps"][0].strip() for row in rows)
    return {"empty": empty, **thinking([row["resps"][0][0] for row in rows])}


def _scores(samples: dict[str, Sample], items: dict[str, str]) -> dict[str, Scores]:
    """Scores by metric and filter, if every item has one and all are in [0, 1]."""
    found: dict[str, Scores] = {}
    for key, row in samples.items():
        for metric in row["metrics"]:
            if isinstance(row[metric], Real):
                found.setdefault(f"{metric},{row['filter']}", {})[items[key]] = float(row[metric])
    count = len(set(items.values()))
    return {
        key: scores
        for key, scores in found.items()
        if len(scores) == count and all(0 <= score <= 1 for score in scores.values())
    }


def _chance(task: RetentionTask, logged: dict[str, list[Sample]], metric: str) -> float:
    """Chance level of plain multiple choice; tasks with a measure of their own have none."""
    chances = [
        1 / len(row["arguments"])
        for part, rows in logged.items()
        for row in rows
        if task.tasks[part].OUTPUT_TYPE == "multiple_choice"
        and not callable(task.tasks[part].get_config("process_results"))
    ]
    return fmean(chances) if chances and metric.startswith("acc") else 0.0


def _metrics(scores: dict[str, Scores]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, of in scores.items():
        metric, _, filtered = key.partition(",")
        value = estimate(list(of.values()))
        found |= {key: value.value, f"{metric}_stderr,{filtered}": value.stderr}
    return found


def _sample(item: str, row: Sample) -> dict[str, Any]:
    return {
        "id": item,
        "prompt": row["arguments"][0][0].replace(GUARD, ""),
        "target": row["target"],
        "responses": row["filtered_resps"],
    }
