"""The driver's side of `train`: starts the learner as a Ray Train worker and shows its progress."""

from pathlib import Path
from typing import Any

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from ..files import read_jsonl
from ..progress import Progress
from ..run import Run
from ..tracking import worker_env

SHOWN = {
    "reward": "reward",
    "reward_terms/gate_mean": "gate",
    "reward_terms/alignment_mean": "align",
    "reward_terms/diversity_mean": "div",
    "completions/mean_length": "length",
    "step_time": "seconds",
}


def train(run: Run, folder: Path, progress: Progress) -> dict[str, Any]:
    """Learn the rewriting policy by GRPO."""
    progress("starting the engines")
    policy, backbone = run.policy, run.backbone
    role = run.plan.role("learner")
    trainer = TorchTrainer(
        _learn,
        train_loop_config={
            "config": run.config.model_dump(mode="json"),
            "model": run.model_path,
            "folder": str(folder.absolute()),
            "threads": role.threads,
            "policy": policy,
            "backbone": backbone,
        },
        torch_config=TorchConfig(backend="nccl" if role.num_gpus else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=1,
            use_gpu=role.num_gpus > 0,
            resources_per_worker={"CPU": role.num_cpus, "GPU": role.num_gpus},
        ),
        run_config=RunConfig(
            name="train",
            storage_path=str((folder / "ray").absolute()),
            failure_config=FailureConfig(max_failures=0),
            worker_runtime_env={"env_vars": worker_env(run.config, folder, role.threads)},
        ),
    )
    progress("starting the learner")
    with progress.follow(folder / "metrics.jsonl", SHOWN):
        trainer.fit()
    policy.adopt_version()
    return _counts(read_jsonl(folder / "metrics.jsonl"))


def _learn(job: dict[str, Any]) -> None:
    # Imported in the worker: the driver needs none of the learner's libraries.
    from .learner import learn

    learn(job)


def _counts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "steps": len(rows),
        "tokens": int(rows[-1]["num_tokens"]),
        "reward_first": round(rows[0]["reward"], 3),
        "reward_last": round(rows[-1]["reward"], 3),
        "zero_variance_groups": round(sum(row["frac_reward_zero_std"] for row in rows) / len(rows), 3),
    }
