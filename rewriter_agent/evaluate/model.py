"""Everything that is measured on one model, resumable part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.evaluate import LAB_TASKS, EvaluateConfig
from ..data.problem import Problem
from ..files import write_json
from ..lab.retention import evaluate_skill
from .result import ModelResult, PartResult, read_part, write_part
from .retention import evaluate_retention
from .task import Verify, evaluate_task, summarise_task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .fleet_lm import Fleet


def evaluate_model(
    fleet: Fleet,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    config: EvaluateConfig,
    verify: Verify,
    output: Path,
    progress: Callable[[str], None],
    system_prompt: str | None = None,
) -> None:
    """Measure the model that `fleet` serves and write `output/result.json`.

    Each part has a file of its own, written when it is done and not measured again while it is there, so
    an evaluation that was ended goes on. Empty `output` when the model, the problems or `config` change.
    """

    def task() -> PartResult:
        return summarise_task(evaluate_task(fleet, tokenizer, problems, config, verify, system_prompt))

    def kept(name: str) -> PartResult:
        measure = evaluate_skill if name in LAB_TASKS else evaluate_retention
        return measure(fleet, tokenizer, name, config, system_prompt)

    output.mkdir(parents=True, exist_ok=True)
    retention = [_part(name, partial(kept, name), output, progress) for name in config.retention]
    result = ModelResult(_part("task", task, output, progress), retention)
    write_json(output / "result.json", asdict(result))


def _part(
    name: str, measure: Callable[[], PartResult], output: Path, progress: Callable[[str], None]
) -> PartResult:
    path = output / f"{name}.json"
    if not path.exists():
        write_part(path, measure())
    part = read_part(path)
    accuracy = sum(part.correct.values()) / len(part.correct)
    progress(f"{name}: {part.metric} {accuracy:.1%} of {len(part.correct)}")
    return part
