"""A made-up run, all of whose stages are complete, in which every key that may hold a local path does."""

import json
from pathlib import Path
from typing import Any

import yaml

from rewriter_agent.config import load_config
from rewriter_agent.data.rewriting_template import template_path
from rewriter_agent.io.files import write_json
from rewriter_agent.pipeline import DATASET, PREPARE, REPORT, REWRITE, SFT_REWRITTEN, STUDENT, TRAIN
from rewriter_agent.train.rewriter import RewriterCard, write_card

TABLE = "| model | task |\n| --- | ---: |\n| base | 61.5 |\n| SFT on rewritten data | 70.5 |\n"
VERSIONS = {"rewriter-agent": "0.1.0", "torch": "2.13.0"}
COUNTS: dict[str, dict[str, Any]] = {
    "prepare": {"train": 60, "test": 20},
    "student": {"steps": 40, "rollouts": 640, "reward_first": 0.31, "reward_last": 0.84},
    "train": {"steps": 40, "rollouts": 640, "reward_first": 0.31, "reward_last": 1.24},
    "rewrite": {"problems": 60, "targets": 60, "rewritten": 51, "expert_fallback": 9},
    "dataset": {"rows": 60},
    "sft-rewritten": {
        "steps": 30,
        "weight": "token_is",
        "loss_first": 0.8,
        "loss_last": 0.55,
        "refreshes": 0,
    },
    "report": {},
}


def finished_run(folder: Path, backbone: str, **sections: Any) -> Path:
    """Every stage that `push` reads, with small files; returns the config's path."""
    folder.mkdir(parents=True)
    rows = folder / "train.jsonl"
    rows.write_text("{}\n")
    template = folder / "prompt.jinja"
    template.write_text(template_path("mathematics").read_text())
    tree: dict[str, Any] = {
        "name": "made-up",
        "output_dir": str(folder / "runs"),
        "model": {"name_or_path": backbone, "max_model_len": 640, "system_prompt": "Be brief."},
        "data": {"source": "file", "train": str(rows), "test": str(rows)},
        "prompts": {"rewrite": str(template)},
        "reward": {"diversity": "embedding", "embedding_model": str(folder / "embedder")},
        "evaluate": {
            "retention": ["quick", str(folder / "items.jsonl")],
            "benchmarks": [{"name": "mine", "path": str(folder / "problems.jsonl")}],
            "include_path": str(folder / "tasks"),
        },
        "sft": {"weight": {"kind": "token_is"}, "replay": {"path": str(folder / "general.jsonl")}},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(tree | sections))
    config = load_config(path)
    files = {
        "train/adapter/adapter_config.json": json.dumps({"base_model_name_or_path": backbone, "r": 16}),
        "train/adapter/adapter_model.safetensors": "adapter",
        "train/adapter/README.md": f"PEFT's own card, with base_model: {backbone}",
        "train/metrics.jsonl": "{}",
        "student/model/config.json": "{}",
        "student/model/model.safetensors": "weights",
        "sft-rewritten/model/config.json": "{}",
        "sft-rewritten/model/model.safetensors": "weights" * 1000,
        "sft-rewritten/model/.env": "a secret",
        "sft-rewritten/checkpoints/checkpoint-30/optimizer.pt": "moments",
        "dataset/README.md": "---\nlicense: other\n---\n\n# made-up\n",
        "dataset/data/train-00000-of-00001.parquet": "rows",
        "report/report.md": TABLE,
    }
    for name, content in files.items():
        file = config.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    write_card(config.folder / "train", RewriterCard(backbone, "0123456789abcdef", 40))
    for stage in (PREPARE, TRAIN, REWRITE, DATASET, STUDENT, SFT_REWRITTEN, REPORT):
        if stage.wanted(config):
            # As `Stage.finish` does, which looks up every version that is installed: a second a stage.
            made_from = {"fingerprint": stage.fingerprint(config), "inputs": stage.inputs(config)}
            counted = {"counts": COUNTS[stage.name], "versions": VERSIONS}
            write_json(config.folder / stage.name / "manifest.json", made_from | counted)
    return path
