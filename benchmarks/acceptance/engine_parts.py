"""Parts that start engines and a cluster."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import torch

from cluster.planning.machine import Machine
from rewriter_agent.config import RunConfig

from .rows import Row, Setting
from .torch_parts import backbone, config_of, expert_texts, score, train_rows

NAME = "acceptance"
STEPS = 3
RANK = 8
TOLERANCE = 0.02
"""Allowed mean difference, in nats, between the engine's log-probs and those of transformers on the CPU."""
SMALL = (
    "data.num_train=16",
    "data.num_test=8",
    f"train.max_steps={STEPS}",
    "train.save_steps=1",
    "train.gradient_accumulation_steps=1",
    "train.max_completion_length=128",
    "rewrite.num_generations=2",
    "rewrite.max_completion_length=128",
    "prepare.max_completion_length=128",
    "evaluate.max_completion_length=128",
    "evaluate.retention_limit=20",
    "sft.num_workers=1",
    "sft.num_train_epochs=1",
    "sft.probe_size=0",
    "tracking.report_to=none",
)


def engines(setting: Setting) -> list[Row]:
    """Score expert solutions on an engine: as the backbone, with an adapter, and with the adapter merged."""
    from peft import LoraConfig, get_peft_model

    from rewriter_agent.train.weight_sync import merged_weights

    config = config_of("model.dtype=float32")
    _, texts = expert_texts(config)
    torch.manual_seed(0)
    base = backbone(config, "float32", "cpu")
    expected = {"backbone": score(base, texts)}
    options = LoraConfig(task_type="CAUSAL_LM", r=RANK, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(base, options)
    expected["adapter"] = expected["merged weights"] = score(model, texts)
    model.save_pretrained(setting.folder / "adapter")
    rows = []
    with machines_of(setting) as machines:
        with fleet_of(setting, machines, RANK) as fleet:
            rows += compare(fleet, "backbone", texts, expected)
            fleet.load_lora(1, setting.folder / "adapter")
            rows += compare(fleet, "adapter", texts, expected)
            rows.append(Row("speed of sampling, adapter", sampling_speed(fleet, texts), "tokens/s"))
        with fleet_of(setting, machines, 0) as fleet:
            fleet.publish(1, merged_weights(model))
            rows += compare(fleet, "merged weights", texts, expected)
            rows.append(Row("speed of sampling, merged weights", sampling_speed(fleet, texts), "tokens/s"))
    return rows


def sleep(setting: Setting) -> list[Row]:
    """Send an engine to sleep, and score afterwards."""
    config = config_of("model.dtype=float32")
    _, texts = expert_texts(config)
    expected = {"after a sleep": score(backbone(config, "float32", "cpu"), texts)}
    with machines_of(setting) as machines, fleet_of(setting, machines, RANK, sleep_mode=True) as fleet:
        compare(fleet, "after a sleep", texts, expected)
        awake = used_gb()
        fleet.sleep()
        asleep = used_gb()
        return [
            Row("GPU memory, engine awake", awake, "GiB"),
            Row("GPU memory, engine asleep", asleep, "GiB"),
            *compare(fleet, "after a sleep", texts, expected),
        ]


def whole_run(setting: Setting) -> list[Row]:
    """Run all stages, kill the driver while it learns, and resume."""
    command = command_of("run", "configs/lab.yaml", *options_of(setting))
    train = setting.folder / "runs" / NAME / "train"
    with subprocess.Popen(command) as driver:
        while not list(train.glob("checkpoint-*")) and driver.poll() is None:
            time.sleep(0.02)
        killed = driver.poll() is None
        driver.send_signal(signal.SIGKILL)
    assert killed, "the run ended before its first checkpoint"
    subprocess.run(command, check=True)
    steps = [json.loads(line) for line in (train / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == list(range(1, STEPS + 1))
    apart = max(step["sampling/sampling_logp_difference/mean"] for step in steps)
    assert apart < 0.05, f"engines and learner differ by {apart:.3f} nats"
    last, candidates = steps[-1], config_of(*SMALL).train.candidates_per_step
    assert (train.parent / "report" / "report.html").exists()
    return [
        Row("steps after kill and resume", len(steps)),
        Row("log-probs of the engines, difference from the learner's", apart, "nats"),
        Row("reward of the last step", last["reward"]),
        Row(
            "speed of sampling, the wait for it included",
            candidates * last["completions/mean_length"] / last["perf/rollout_wait_s"],
            "tokens/s",
        ),
        Row("seconds of a step", last["step_time"], "s"),
    ]


def service(setting: Setting) -> list[Row]:
    """Ask the service of the part `whole_run` for a rewrite of each test problem."""
    import httpx2

    from rewriter_agent.io.files import read_jsonl

    run = setting.folder.parent / "whole_run" / "runs" / NAME
    if not (run / "report").exists():
        raise ValueError(f"{run} is no finished run: give --only whole_run service, or no --only")
    problems = read_jsonl(run / "prepare" / "test.jsonl")
    log = setting.folder / "service.log"
    command = command_of("serve", str(run), "--port", "0")
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            while not (found := re.search(r"serving .* at (http://\S+)", log.read_text())):
                assert server.poll() is None, log.read_text()[-300:]
                time.sleep(0.1)
            start = time.perf_counter()
            rows = [{key: one[key] for key in ("question", "solution", "answer")} for one in problems]
            answers = [
                httpx2.post(f"{found[1]}/v1/rewrites", json=row, timeout=120).raise_for_status().json()
                for row in rows
            ]
            seconds = time.perf_counter() - start
        finally:
            server.terminate()
            server.wait(60)
    return [
        Row("rows answered", len(answers)),
        Row("rows rewritten", sum(answer["outcome"] == "rewritten" for answer in answers)),
        Row("seconds of a row", seconds / len(rows), "s"),
    ]


def sequence_parallel(setting: Setting) -> list[Row]:
    """Fine-tune with rows that are split over two GPUs."""
    from cluster.session import connect

    with connect(config_of().cluster):
        return train_rows(setting, "split", "two GPUs a row", in_process=False, num_workers=2, sp_size=2)


def engine_config(setting: Setting) -> RunConfig:
    """The laboratory's config for one engine on the device."""
    device = "gpu" if setting.device == "cuda" else "cpu"
    return config_of("model.dtype=float32", f"cluster.device={device}", "cluster.gpu_memory_utilization=0.5")


def machines_of(setting: Setting) -> AbstractContextManager[Sequence[Machine]]:
    """A cluster of its own on this machine."""
    from cluster.session import connect

    return connect(engine_config(setting).cluster)


@contextmanager
def fleet_of(
    setting: Setting, machines: Sequence[Machine], rank: int, sleep_mode: bool = False
) -> Generator[Any]:
    """A fleet of one engine of the laboratory's backbone, which serves adapters if `rank` is not 0."""
    from cluster.fleet.fleet import Fleet
    from cluster.fleet.settings import FleetSettings
    from cluster.planning.plan import engine_spec, make_plan
    from rewriter_agent.models.resolve import resolve_model
    from rewriter_agent.models.size import model_shape
    from rewriter_agent.runtime.workload import workload

    config = engine_config(setting)
    path = resolve_model(config.model.name_or_path)
    cluster, model = config.cluster, config.model
    role = make_plan(cluster, workload(config, model_shape(path)), machines, {"policy"}).role("policy")
    role = replace(role, sleeps=sleep_mode)
    ends = expert_texts(config)[0].ends.ids
    spec = engine_spec(cluster, role, path, model.dtype, model.max_model_len, ends, rank)
    fleet = Fleet.start("policy", spec, 1, FleetSettings.of(cluster, 1))
    try:
        yield fleet.wait()
    finally:
        fleet.shutdown()


def compare(fleet: Any, name: str, texts: Sequence[Any], expected: dict[str, list[list[float]]]) -> list[Row]:
    """Mean difference of the engine's log-probs from those of transformers.

    Raises:
        AssertionError: it is larger than TOLERANCE.
    """
    from cluster.types import ScoreRequest

    found = fleet.score([ScoreRequest(prompt, text) for prompt, text in texts])
    pairs = [
        (a, b)
        for scored, values in zip(found, expected[name], strict=True)
        for a, b in zip(scored.logprobs, values, strict=True)
    ]
    apart = sum(abs(a - b) for a, b in pairs) / len(pairs)
    assert apart < TOLERANCE, f"{name}: the engine's log-probs differ from transformers' by {apart:.3f} nats"
    return [Row(f"log-probs of the engine, {name}: difference from transformers' on the CPU", apart, "nats")]


def sampling_speed(fleet: Any, texts: Sequence[Any]) -> float:
    """Sampled tokens per second."""
    from cluster.types import GenerateRequest

    requests = [GenerateRequest(prompt, 64, 1.0, seed) for seed, (prompt, _) in enumerate(texts)]
    fleet.generate(requests[:1])
    start = time.perf_counter()
    sampled = fleet.generate(requests)
    return sum(len(one.token_ids) for one in sampled) / (time.perf_counter() - start)


def used_gb() -> float:
    """Used memory of the first GPU, by the driver."""
    told = subprocess.run(
        ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(told.stdout) / 1024


def options_of(setting: Setting) -> list[str]:
    """Overrides of the small run."""
    device = "gpu" if setting.device == "cuda" else "cpu"
    # What one GPU gets by default; on a CPU the engines are shared all the same.
    shared = ["cluster.enable_lora=true", "cluster.scorers=0"]
    own = [f"name={NAME}", f"output_dir={setting.folder / 'runs'}", f"cluster.device={device}"]
    return [text for override in (*SMALL, *shared, *own) for text in ("--set", override)]


def command_of(*arguments: str) -> list[str]:
    """Command line of the agent in this environment."""
    return [sys.executable, "-m", "rewriter_agent", *arguments]
