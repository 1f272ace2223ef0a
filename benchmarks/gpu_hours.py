"""Hours and cost of a whole run on GPUs, from its plan and a throughput model whose assumptions are options.

The model: a decoding step reads the weights and the cached keys and values once from the GPU's memory; everything else
computes 2 operations per weight and token in a forward pass, and is limited by the GPU's arithmetic. Sequences start
together and end together. Starts of processes, checkpoints and retention tasks are left out.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from cluster.planning.machine import GB, parse_machines
from cluster.planning.memory import sequence_gb
from cluster.planning.plan import Plan, make_plan
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import model_shape
from rewriter_agent.runtime.workload import cluster_layout, workload


@dataclass(frozen=True)
class Assumptions:
    """What the config does not say. Nothing of this has been measured by this project."""

    peak_tflops: float = 989
    """Dense bfloat16 operations per second of the GPU, in 10^12: an H100 SXM by its data sheet."""
    bandwidth_tb: float = 3.35
    """TB per second between the GPU and its memory: an H100 SXM by its data sheet."""
    prefill_share: float = 0.5
    """Share of the peak that an engine reaches when it reads prompts or scores texts."""
    decode_share: float = 0.6
    """Share of the bandwidth that an engine reaches when it decodes."""
    learner_share: float = 0.35
    """Share of the peak that the learner reaches."""
    sft_share: float = 0.35
    """Share of the peak that fine-tuning under ZeRO-3 reaches on the GPUs of one node."""
    question_tokens: float = 120
    """Mean tokens of a question with its chat template."""
    text_share: float = 0.25
    """Mean length of a text as a share of the longest one that is allowed."""
    passing_share: float = 0.5
    """Share of the candidates that pass the gate up to its scoring."""
    test_problems: float = 500
    """Test problems that the task is measured on."""
    price: float = 2.5
    """US dollars per GPU-hour."""


@dataclass(frozen=True)
class Throughput:
    """Speeds of one process of each role, in tokens per second."""

    decode: float
    prefill: float
    learn: float
    tune: float


def throughput(config: RunConfig, plan: Plan, given: Assumptions, text: float) -> Throughput:
    """Speeds that the assumptions give for the plan's roles."""
    work = workload(config, model_shape(resolve_model(config.model.name_or_path, weights=False)))
    parameters, policy = work.model.parameters, plan.role("policy")
    # Both the plan's room for keys and values, and the config, limit the sequences that are decoded at a time.
    mean_gb = sequence_gb(config.cluster, work) * min(
        1, (given.question_tokens + 2 * text) / work.max_model_len
    )
    batch = min(config.cluster.max_num_seqs, policy.gpu.kv_cache / mean_gb)
    read = work.engine_bytes * parameters / config.cluster.tensor_parallel_size + batch * mean_gb * GB / 2
    steps = given.decode_share * given.bandwidth_tb * 1e12 / read
    peak = given.peak_tflops * 1e12
    prefill = given.prefill_share * peak * config.cluster.tensor_parallel_size / (2 * parameters)
    # Forward, backward through the frozen weights, and with checkpointing a second forward.
    learner = 2 + 2 + 2 * config.train.gradient_checkpointing
    frozen = config.sft.lora is not None
    tuning = 2 + (2 if frozen else 4) + 2 * config.sft.gradient_checkpointing
    return Throughput(
        decode=min(batch * steps, prefill),
        prefill=prefill,
        learn=given.learner_share * peak / (learner * parameters),
        tune=given.sft_share * peak / (tuning * parameters),
    )


def hours(config: RunConfig, plan: Plan, given: Assumptions) -> dict[str, float]:
    """Hours of each stage."""
    cluster, train = config.cluster, config.train
    num_train = config.data.num_train
    question, text = given.question_tokens, given.text_share * config.rewrite.max_completion_length
    speed = throughput(config, plan, given, text)
    prompt = 2 * question + text
    scorers = cluster.scorers or cluster.engines

    def sampled(texts: float, prompt: float, engines: int) -> float:
        return texts * (text / speed.decode + prompt / speed.prefill) / engines

    def scored(texts: float) -> float:
        return texts * (question + text) / speed.prefill / scorers

    candidates = train.candidates_per_step
    rollout = sampled(candidates, prompt / train.num_generations, cluster.engines)
    rollout += scored(given.passing_share * candidates)
    learning = candidates * (text + prompt / train.num_generations) / speed.learn
    step = max(rollout, learning) if train.max_staleness else rollout + learning
    rewrites = num_train * config.rewrite.num_generations
    tuned = num_train * config.sft.num_train_epochs * (question + text) / speed.tune / config.sft.num_workers
    answers = given.test_problems * config.evaluate.num_samples
    seconds = {
        "prepare": sampled(num_train * config.prepare.num_own_samples, question, scorers) + scored(num_train),
        "train": train.max_steps * step,
        "rewrite": sampled(rewrites, prompt / config.rewrite.num_generations, cluster.engines)
        + scored(given.passing_share * rewrites),
        "sft-expert and sft-rewritten": 2 * tuned,
        "evaluate, 3 models": 3 * sampled(answers, question, cluster.engines),
    }
    return {stage: value / 3600 for stage, value in seconds.items()}


def table(config: RunConfig, plan: Plan, given: Assumptions) -> str:
    """Write hours and cost as a Markdown table."""
    found = hours(config, plan, given)
    total = sum(found.values())
    cost = total * plan.gpus * given.price
    rows = [f"| {stage} | {value:.1f} |" for stage, value in found.items()]
    head = [f"{config.name}, {plan.gpus} GPUs", "", "| stage | hours |", "| --- | ---: |"]
    return "\n".join(
        [*head, *rows, f"| in all | {total:.1f} |", "", f"{total * plan.gpus:.0f} GPU-hours, {cost:.0f} USD"]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and the assumptions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--machines", required=True, help="as for `rewriter-agent plan`")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    for each in fields(Assumptions):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, default=each.default)
    options = vars(parser.parse_args(arguments))
    given = Assumptions(**{each.name: options[each.name] for each in fields(Assumptions)})
    machines = parse_machines(options["machines"])
    config = load_config(options["config"], options["set"])
    work = workload(config, model_shape(resolve_model(config.model.name_or_path, weights=False)))
    print(table(config, make_plan(cluster_layout(config, machines), work, machines), given))
    print("\nassumed: " + ", ".join(f"{name}={value:g}" for name, value in vars(given).items()))


if __name__ == "__main__":
    main()
