"""Memory of each kind of process next to the plan's estimate, on the CPU, for the embedded models.

Each process does at most what its role does: texts have the largest length that the config allows. It imports Ray as a
worker does, and works without a cluster. The largest of some runs counts, since a plan must hold for each: whether the
allocator finds a freed block large enough differs from run to run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from cluster.planning.machine import Machine
from cluster.planning.plan import Plan, engine_spec, make_plan
from cluster.types import EngineSpec
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import model_shape
from rewriter_agent.runtime.workload import cluster_layout, workload

CONFIGS = {"lab": "configs/lab.yaml", "smollm2-135m-instruct": "configs/demo.yaml"}
ROOMY = Machine(cpus=64, memory_gb=4096)
SETTINGS = (
    "sft.num_workers=1",
    "cluster.engines=1",
    "cluster.threads=1",
    "tracking.report_to=none",
    # A second pass takes no more than the first.
    "train.gradient_accumulation_steps=1",
)
ALLOWED = 0.15
"""Allowed difference of a plan from a measurement, as a share of the measurement."""


def config_of(model: str) -> RunConfig:
    """The embedded model's config, with one process of each role."""
    return load_config(Path(CONFIGS[model]), list(SETTINGS))


def plan_of(config: RunConfig) -> Plan:
    """Plan on a machine that holds anything."""
    work = workload(config, model_shape(resolve_model(config.model.name_or_path)))
    return make_plan(cluster_layout(config, [ROOMY]), work, [ROOMY])


def spec_of(config: RunConfig) -> EngineSpec:
    """Settings of the backbone's engine."""
    model, role = config.model, plan_of(config).role("backbone")
    return engine_spec(
        config.cluster, role, resolve_model(model.name_or_path), model.dtype, model.max_model_len, (0,)
    )


def engine(config: RunConfig, folder: Path) -> None:
    """Sample and score as many sequences as an engine takes, of the largest length."""
    import ray  # noqa: F401

    from cluster.engine.vllm_engine import VLLMEngine
    from cluster.types import GenerateRequest, ScoreRequest

    model = config.model
    actor = VLLMEngine(spec_of(config))
    completion = config.train.max_completion_length
    draw = Random(0)
    ids = [
        draw.choices(range(10, 500), k=model.max_model_len - 1) for _ in range(config.cluster.max_num_seqs)
    ]
    prompts = [one[: model.max_model_len - completion] for one in ids]
    actor.generate([GenerateRequest(prompt, 32, 1.0, i) for i, prompt in enumerate(prompts)], 0)
    actor.score([ScoreRequest(one[:8], one[8:]) for one in ids], 0)


def learner(config: RunConfig, folder: Path) -> None:
    """Learn a step from candidates of the largest length, and publish the weights."""
    from sft.runtime.memory import keep_freed_memory

    keep_freed_memory()
    import ray.train  # noqa: F401
    from datasets import Dataset
    from peft import LoraConfig

    from benchmarks.acceptance.recorded import RecordedTrainer
    from rewriter_agent.data.prompt_encoder import load_tokens
    from rewriter_agent.train.arguments import grpo_config
    from rewriter_agent.train.weight_sync import merged_weights
    from rewriter_agent.train.worker import load_model

    small = config.model_copy(update={"train": config.train.model_copy(update={"max_steps": 1})})
    path = resolve_model(config.model.name_or_path)
    tokens = load_tokens(path, config.model)
    draw, size = Random(0), config.train.max_completion_length
    problems = config.train.candidates_per_step // config.train.num_generations
    texts = [
        (
            draw.choices(range(10, 500), k=config.model.max_model_len - size),
            draw.choices(range(10, 500), k=size),
        )
        for _ in range(problems)
    ]
    trainer = RecordedTrainer(
        texts=texts,
        logprobs=[[-1.0] * size] * problems,
        rewards=[float(i % 3) for i in range(config.train.num_generations)],
        share_prompts=config.train.share_prompts,
        model=load_model(path, config, tokens),
        args=grpo_config(small, folder),
        train_dataset=Dataset.from_list([{"prompt": str(i)} for i in range(problems)]),
        processing_class=tokens.tokenizer,
        peft_config=LoraConfig(task_type="CAUSAL_LM", **config.train.lora.model_dump()),
    )
    trainer.train()
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    assert list(merged_weights(model))


def sft(config: RunConfig, folder: Path) -> None:
    """Fine-tune two steps on rows of the largest length."""
    import ray.train  # noqa: F401

    from sft.data.rows import SFTRow, write_rows
    from sft.job import SFTJob
    from sft.run import train_worker
    from sft.runtime.in_process import group_of_one

    draw, length, end = Random(0), config.sft.max_length, 2
    rows = [
        SFTRow(
            draw.choices(range(10, 500), k=8),
            [*draw.choices(range(10, 500), k=length - 9), end],
            values,
            "backbone",
            "rewritten",
        )
        for values in [[-1.0] * (length - 8)] * 2 * config.sft.rows_per_step
    ]
    write_rows(rows, folder / "rows.parquet")
    job = SFTJob(
        model=Path(resolve_model(config.model.name_or_path)),
        rows=folder / "rows.parquet",
        end_token_ids=(end,),
        output_dir=folder / "out",
        sft=config.sft.model_copy(
            update={"max_steps": 2, "save_steps": 2, "probe_size": 0, "num_train_epochs": 1}
        ),
    )
    os.environ.update(group_of_one())
    train_worker(job.model_dump(mode="json"))


ROLES: dict[str, Callable[[RunConfig, Path], None]] = {"backbone": engine, "learner": learner, "sft": sft}


def peak_gb(role: str, model: str) -> float:
    """Peak memory of a process of the role."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", role, model]
    # An engine's variables are read when the process starts, and when its libraries load.
    env = os.environ | (spec_of(config_of(model)).env if role == "backbone" else {})
    output = subprocess.run(command, capture_output=True, text=True, env=env)
    assert output.returncode == 0, output.stderr[-2000:]
    return json.loads(output.stdout.splitlines()[-1])


def child(role: str, model: str) -> None:
    """Do the role's work in this process, and print its peak memory."""
    from benchmarks.acceptance.torch_parts import peak_gb

    with tempfile.TemporaryDirectory() as folder:
        ROLES[role](config_of(model), Path(folder))
    print(json.dumps(peak_gb()))


def main() -> int:
    """Print the table; 1 if a plan is further from a measurement than allowed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=list(ROLES))
    parser.add_argument("--runs", type=int, default=3, help="processes of each role (default: %(default)s)")
    parser.add_argument("--child", nargs=2, metavar=("ROLE", "MODEL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return 0
    far = 0
    print(
        "| model | role | planned GiB | measured GiB | planned / measured |\n| --- | --- | ---: | ---: | ---: |"
    )
    for model in options.models:
        plan = plan_of(config_of(model))
        for role in options.roles:
            planned = plan.role(role).memory_gb
            measured = max(peak_gb(role, model) for _ in range(options.runs))
            far += abs(planned / measured - 1) > ALLOWED
            print(
                f"| {model} | {role} | {planned:.2f} | {measured:.2f} | {planned / measured:.2f} |",
                flush=True,
            )
    print(f"{far} of the plans are further than {ALLOWED:.0%} from the measurement")
    return int(far > 0)


if __name__ == "__main__":
    sys.exit(main())
