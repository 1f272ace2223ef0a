"""Retention tasks of our own: a reading task answered in a few words, and files of items."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewriter_agent.data.package_data import package_data
from rewriter_agent.io.foreign_json import decode_json
from rewriter_agent.io.given_file import check_file

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask

READING = "sciq_generate"
MAX_GEN_TOKS = 32


def reading_task() -> ConfigurableTask:
    """Answer SciQ's questions from its passages, in a few words of one's own."""
    found = package_data("allenai/sciq", None)
    assert found is not None, "the package has it"
    # A question about a passage cannot be asked without one.
    items = found["validation"].filter(lambda row: bool(row["support"].strip())).to_list()
    rows = [row | {"answer": row["correct_answer"]} for row in items]
    return _task(
        READING,
        rows,
        _written("{{support.strip()}}\n\nQuestion: {{question}}\nAnswer in a few words."),
    )


def file_task(path: Path) -> ConfigurableTask:
    """Items of a .jsonl file: `question` and `answer`; with `choices`, `answer` is one of them or its place from 0.

    Raises:
        ValueError: the file is missing, or a line is no such item; names the line.
    """
    check_file(path, "evaluate.retention", "give the path of a .jsonl file")
    lines = path.read_bytes().split(b"\n")
    rows = [_item(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    kinds = {"choices" in row for row in rows}
    if len(rows) < 2 or len(kinds) > 1:
        raise ValueError(
            f"evaluate.retention: {path} has {len(rows)} items; it needs two or more, all with `choices` or all without"
        )
    return _task(path.name, rows, _choice() if kinds == {True} else _written("{{question}}"))


def graded(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """`exact`: the first line of the reply is the answer and nothing else; `contains`: has it in it.

    Words are compared, without case and punctuation.
    """
    first_line = results[0].strip().partition("\n")[0]
    gold, given = _words(document["answer"]), _words(first_line)
    return {"exact": float(gold == given), "contains": float(f" {gold} " in f" {given} ")}


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _item(line: bytes, place: str) -> dict[str, Any]:
    row = decode_json(line, what=f"evaluate.retention: {place}")
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or "answer" not in row:
        raise ValueError(f"evaluate.retention: {place} needs `question` (text) and `answer`")
    if "choices" not in row:
        return {"question": row["question"], "answer": str(row["answer"])}
    choices, answer = row["choices"], row["answer"]
    if not isinstance(choices, list) or len(choices) < 2:
        raise ValueError(
            f"evaluate.retention: {place}: `choices` must be a list of two or more, got {choices!r}"
        )
    place_of = answer if isinstance(answer, int) else choices.index(answer) if answer in choices else -1
    if not 0 <= place_of < len(choices):
        raise ValueError(
            f"evaluate.retention: {place}: `answer` {answer!r} is none of the {len(choices)} choices"
        )
    return {"question": row["question"], "choices": [str(choice) for choice in choices], "answer": place_of}


def _task(name: str, rows: list[dict[str, Any]], definition: dict[str, Any]) -> ConfigurableTask:
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

    documents = Dataset.from_list(rows)
    return ConfigurableTask(
        config={
            **definition,
            "task": name,
            "custom_dataset": lambda **_: {"validation": documents},
            "validation_split": "validation",
            "num_fewshot": 0,
        }
    )


def _choice() -> dict[str, Any]:
    return {
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True}
            for metric in ("acc", "acc_norm")
        ],
    }


def _written(prompt: str) -> dict[str, Any]:
    return {
        "output_type": "generate_until",
        "doc_to_text": prompt,
        "doc_to_target": "answer",
        "generation_kwargs": {"until": [], "max_gen_toks": MAX_GEN_TOKS, "do_sample": False},
        "process_results": graded,
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True}
            for metric in ("exact", "contains")
        ],
    }
