"""Evaluation of one model, resumable part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean

from reward import Verify
from rewriter_agent.config.benchmarks import Benchmark
from rewriter_agent.config.evaluate import LAB_TASKS, EvaluateConfig
from rewriter_agent.data.benchmarks import load_benchmark
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.files import Shard, write_json
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.run_folder import StageFolder

from .answers import answers
from .drift import Prompts, drift, general_prompts, task_prompts, write_own_answers
from .fleet_lm import FleetLM
from .lab_tasks import evaluate_lab_tasks
from .model_under_test import ModelUnderTest
from .presets import PromptFormat
from .result import STRICT, Drift, ModelResult, PartResult, read_drift, read_part, write_part
from .retention import evaluate_retention
from .retention_tasks import check_tasks
from .task import grade
from .transformers_lm import evaluate_on_transformers

TASK = "task"


def evaluate_model(
    model: ModelUnderTest,
    prompt_format: PromptFormat,
    problems: Sequence[Problem],
    config: EvaluateConfig,
    verify: Verify,
    output: Path,
    progress: Progress,
    base: StageFolder,
    general: Sequence[str] = (),
) -> None:
    """Measure a model and write `output/result.json`.

    Each part has a file of its own, and a part whose file exists is not measured again: an interrupted evaluation
    resumes. Answers to problems are kept in `answers/`, shard by shard. Empty `output` when the model, the problems or
    `config` change. `base` is the folder of the backbone's evaluation; if its own answers are missing there, the model
    is the backbone and writes them, to the problems and to the prompts of `general`.
    """

    def asked(name: str, problems: Sequence[Problem], source: str) -> PartResult:
        def after(shard: Shard) -> None:
            if shard.new:
                progress.share(shard.done, len(problems), f"problems answered: {name}", "answers")

        progress.restart("answers")
        found = answers(model.serve, prompt_format, problems, config, output / "answers" / name, after)
        return grade(name, problems, found, prompt_format, verify, source)

    def benchmark(spec: Benchmark) -> PartResult:
        return asked(spec.name, load_benchmark(spec, config.seed), spec.path)

    output.mkdir(parents=True, exist_ok=True)
    parts = _Parts([TASK, *(spec.name for spec in config.benchmarks), *config.retention], output, progress)
    task = parts.measure(TASK, lambda: asked(TASK, problems, ""))
    benchmarks = [parts.measure(spec.name, partial(benchmark, spec)) for spec in config.benchmarks]
    own = StageFolder(output)
    found = _drift(model, task_prompts(prompt_format, problems, config), config, base.own_answers, own.drift)
    away = general_prompts(prompt_format, general, config)
    of_general = _drift(model, away, config, base.general_answers, own.general_drift)
    of_lab = [name for name in config.retention if name in LAB_TASKS and not part_file(output, name).exists()]
    if of_lab:
        for part in evaluate_lab_tasks(
            model.serve(), prompt_format.tokenizer, of_lab, config, prompt_format.system_prompt
        ):
            write_part(part_file(output, part.name), part)
    if model.transformers:
        model.release()
    retention = [
        parts.measure(name, partial(_retention, model, prompt_format, name, config))
        for name in config.retention
    ]
    write_json(
        StageFolder(output).result, asdict(ModelResult(task, retention, benchmarks, found, of_general))
    )


def _retention(
    model: ModelUnderTest, prompt_format: PromptFormat, name: str, config: EvaluateConfig
) -> PartResult:
    if model.transformers:
        return evaluate_on_transformers(model.transformers, name, config, prompt_format.system_prompt)
    lm = FleetLM(model.serve(), prompt_format.tokenizer, config.seed)
    return evaluate_retention(lm, name, config, prompt_format.system_prompt)


def _drift(
    model: ModelUnderTest, prompts: Prompts, config: EvaluateConfig, answers: Path, path: Path
) -> Drift | None:
    if not prompts:
        return None
    if not path.exists():
        if not answers.exists():
            write_own_answers(model.serve(), prompts, config, answers)
        write_part(path, drift(model.serve(), answers))
    return read_drift(path)


def check_evaluation(config: EvaluateConfig, max_model_len: int) -> None:
    """Load every benchmark and retention task, to report mistakes before any work is done.

    Raises:
        ValueError: unknown task, data that cannot be reached or read, a task that the backend cannot compute.
    """
    for spec in config.benchmarks:
        load_benchmark(spec, config.seed)
    check_tasks(config, max_model_len)


def forget_grades(output: Path, config: EvaluateConfig) -> None:
    """Delete grades and keep the answers, which are then graded again."""
    for name in (TASK, *(benchmark.name for benchmark in config.benchmarks)):
        part_file(output, name).unlink(missing_ok=True)


def part_file(output: Path, name: str) -> Path:
    """Path of a part's result; a file of items is known by its name alone."""
    return output / f"{Path(name).name}.json"


class _Parts:
    """The parts of an evaluation, of which each is measured once."""

    def __init__(self, names: Sequence[str], output: Path, progress: Progress) -> None:
        self._files = [part_file(output, name) for name in names]
        self._output = output
        self._progress = progress
        progress.begin("parts", self._complete())

    def measure(self, name: str, measure: Callable[[], PartResult]) -> PartResult:
        """Measure a part unless its file exists, and print its result."""
        path = part_file(self._output, name)
        if not path.exists():
            write_part(path, measure())
        part = read_part(path)
        scores = part.scores[STRICT].values()
        told = f"parts measured | {name}: {part.metric} {fmean(scores):.1%} of {len(scores)}"
        self._progress.share(self._complete(), len(self._files), told, "parts")
        return part

    def _complete(self) -> int:
        return sum(path.exists() for path in self._files)
