"""A GRPO step by TRL's own generation (transformers) against ours on engines, and ours with learner and engines in
turns against both at once: the same model, prompts, lengths and optimiser, a process after the other.

TRL's reward here is made up and takes no time; ours is the whole reward, scored by the backbone's engines.
"""

import json
import multiprocessing
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.pipeline import PREPARE, TRAIN, run_stages

from .options import config_options

PARTS = {
    "step_time": "step",
    "perf/rollout_wait_s": "waits for candidates",
    "perf/reward_s": "waits for rewards",
    "perf/weight_sync_s": "publishes",
}
WARM_UP = 1
"""Warm-up steps."""


def main() -> None:
    """Print seconds per step, the learner's waiting time, and the ratios."""
    options = config_options(__doc__, "configs/lab.yaml")
    with tempfile.TemporaryDirectory() as folder:
        few = ["train.max_steps=6", "tracking.report_to=none", f"output_dir={folder}"]
        found: dict[str, list[dict[str, Any]]] = {}
        for staleness in (0, 1):
            own = [f"train.max_staleness={staleness}", f"name=ours-{staleness}"]
            found[f"ours, max_staleness {staleness}"] = ours(
                load_config(options.config, [*options.set, *few, *own])
            )
        turns = load_config(options.config, [*options.set, *few, "name=ours-0"])
        found["TRL, transformers' generation"] = trl(turns, Path(folder) / "trl")
    print_table(found)


def ours(config: RunConfig) -> list[dict[str, Any]]:
    """Metrics of each step."""
    run_stages(config, (PREPARE, TRAIN))
    return read_jsonl(config.folder / TRAIN.name / "metrics.jsonl")


def trl(config: RunConfig, folder: Path) -> list[dict[str, Any]]:
    """Metrics of each step, on all cores, from a fresh process, since threads are set once per process."""
    process = multiprocessing.get_context("spawn").Process(
        target=_trl, args=(config.model_dump_json(), str(folder))
    )
    process.start()
    process.join()
    assert process.exitcode == 0
    return read_jsonl(folder / "metrics.jsonl")


def _trl(config_json: str, folder: str) -> None:
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM
    from trl import GRPOTrainer

    from rewriter_agent.data.prompt_encoder import load_tokens
    from rewriter_agent.models.resolve import resolve_model
    from rewriter_agent.prepare.records import anchored_problems
    from rewriter_agent.train.problems import training_problems
    from rewriter_agent.train.worker import dataset, grpo_config
    from sft.runtime.metrics import MetricsWriter

    config = RunConfig.model_validate(json.loads(config_json))
    model = resolve_model(config.model.name_or_path)
    tokens = load_tokens(model, config.model)
    GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=config.model.dtype),
        processing_class=tokens.tokenizer,
        reward_funcs=[lengths],
        args=grpo_config(config, Path(folder)),
        train_dataset=dataset(training_problems(anchored_problems(config), config, tokens), tokens),
        peft_config=LoraConfig(task_type="CAUSAL_LM", **config.train.lora.model_dump()),
        callbacks=[MetricsWriter(Path(folder) / "metrics.jsonl")],
    ).train()


def lengths(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
    """A reward that differs within a group."""
    return [float(len(ids)) for ids in completion_ids]


def print_table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Means over the steps after the warm-up."""
    means = {
        name: {part: fmean(row.get(part, 0.0) for row in rows[WARM_UP:]) for part in PARTS}
        for name, rows in found.items()
    }
    length = {
        name: fmean(row["completions/mean_length"] for row in rows[WARM_UP:]) for name, rows in found.items()
    }
    titles = "".join(f"{title:>22}" for title in PARTS.values())
    print(f"{'seconds of a step':<32}{titles}{'tokens a completion':>22}")
    for name, parts in means.items():
        values = "".join(f"{parts[part]:>22.2f}" for part in PARTS)
        print(f"{name:<32}{values}{length[name]:>22.0f}")
    turns, both, theirs = (means[name] for name in found)
    waits = ("perf/rollout_wait_s", "perf/reward_s")
    print(f"TRL's step takes {theirs['step_time'] / turns['step_time']:.2f} times ours (max_staleness 0)")
    saved = 1 - sum(both[part] for part in waits) / sum(turns[part] for part in waits)
    longer = both["step_time"] / turns["step_time"]
    print(f"max_staleness 1: the learner waits {saved:.0%} less, a step takes {longer:.2f} times as long")


if __name__ == "__main__":
    main()
