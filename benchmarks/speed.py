"""Speed of each part on this machine, in one run: `make bench`.

Engines against plain transformers on the same prompts, then the stages of a small run of the config. Ratios carry over
to other machines; the figures themselves do not.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from cluster.fleet.fleet import Fleet
from cluster.session import connect
from cluster.types import Completion, GenerateRequest, ScoreRequest
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.pipeline import PREPARE, REWRITE, SFT_EXPERT, SFT_REWRITTEN, TRAIN
from rewriter_agent.prepare.records import anchored_problems
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.session import Session

from .options import config_options

NEW_TOKENS = 64
PROMPTS = 32
SMALL = ["data.num_train=16", "data.num_test=2", "train.max_steps=3", "tracking.report_to=none"]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and its seconds."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def row(name: str, value: float, unit: str, ratio: float | None = None) -> None:
    """One line of the table."""
    print(
        f"{name:<44}{value:>10.1f} {unit:<10}" + (f"{ratio:>6.1f} x transformers" if ratio else ""),
        flush=True,
    )


def generation(fleet: Fleet, prompts: list[list[int]], model: Any) -> list[Completion]:
    """Tokens/s of the fleet's sampling, and of transformers' `generate` on a padded batch of the same prompts."""
    requests = [GenerateRequest(ids, NEW_TOKENS, 1.0, seed) for seed, ids in enumerate(prompts)]
    fleet.generate(requests[:4])
    completions, seconds = timed(lambda: fleet.generate(requests))
    rate = sum(len(c.token_ids) for c in completions) / seconds

    width = max(map(len, prompts[:8]))
    padded = torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts[:8]])
    mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts[:8]])

    def plain() -> torch.Tensor:
        return model.generate(
            padded, attention_mask=mask, do_sample=True, max_new_tokens=NEW_TOKENS, pad_token_id=0
        )

    output, seconds = timed(plain)
    row("generation, fleet", rate, "tokens/s", rate / (8 * (output.shape[1] - width) / seconds))
    return completions


def scoring(fleet: Fleet, prompts: list[list[int]], completions: list[Completion], model: Any) -> None:
    """Tokens/s of the fleet's log-probs, and of transformers one sequence at a time."""
    requests = [ScoreRequest(p, c.token_ids) for p, c in zip(prompts, completions, strict=True)]
    tokens = [len(r.prompt_ids) + len(r.completion_ids) for r in requests]
    _, seconds = timed(lambda: fleet.score(requests))
    rate = sum(tokens) / seconds

    @torch.no_grad()
    def plain() -> None:
        for r in requests[:8]:
            logits = model(torch.tensor([r.prompt_ids + r.completion_ids])).logits
            logits[:, len(r.prompt_ids) - 1 :].float().log_softmax(-1)

    _, seconds = timed(plain)
    row("scoring, fleet", rate, "tokens/s", rate / (sum(tokens[:8]) / seconds))


def engines(session: Session) -> None:
    """Sampling and scoring."""
    torch.set_num_threads(session.plan.cpus)
    problems = list(anchored_problems(session.config).values())
    prompts = [list(problems[i % len(problems)].rewriting_prompt_ids) for i in range(PROMPTS)]
    model = AutoModelForCausalLM.from_pretrained(session.model_path, dtype=session.config.model.dtype)
    completions = generation(session.actor, prompts, model)
    scoring(session.reference, prompts, completions, model)


def stages(session: Session, config: RunConfig) -> None:
    """GRPO step time and its parts, and SFT tokens/s with and without weights."""
    for stage in (TRAIN, REWRITE, SFT_EXPERT, SFT_REWRITTEN):
        run_stage(stage, session)
    # The first step warms up caches and threads.
    steps = metrics(config.folder / "train")[1:]
    mean = {key: sum(s[key] for s in steps) / len(steps) for key in steps[0] if key.startswith("perf/")}
    total = sum(s["step_time"] for s in steps) / len(steps)
    candidates = config.train.per_device_train_batch_size * config.train.gradient_accumulation_steps
    learner = total - sum(mean.values())
    per_step = (steps[-1]["num_tokens"] - metrics(config.folder / "train")[0]["num_tokens"]) / len(steps)
    row(f"GRPO step, {candidates} candidates", total, "s")
    for key, seconds in mean.items():
        row(f"  of it {key}", seconds, "s")
    row("learner, forward twice and backward", per_step / learner, "tokens/s")
    for arm, weight in (("expert", "none"), ("rewritten", config.sft.weight.kind)):
        rows = metrics(config.folder / f"sft-{arm}")
        row(f"SFT, ZeRO-3, weight {weight}", sft_rate(rows), "tokens/s")


def sft_rate(rows: list[dict[str, Any]]) -> float:
    """Tokens/s between the first and the last logged step."""
    return (rows[-1]["num_tokens"] - rows[0]["num_tokens"]) / (rows[-1]["elapsed"] - rows[0]["elapsed"])


def metrics(folder: Path) -> list[dict[str, Any]]:
    """A stage's logged steps."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def main() -> None:
    """Print the table."""
    options = config_options(__doc__, "configs/gsm-symbolic.yaml")
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(options.config, [*SMALL, *options.set, f"output_dir={folder}"])
        with connect(config.cluster) as machines:
            session = Session(config, machines)
            try:
                run_stage(PREPARE, session)
                engines(session)
                stages(session, config)
            finally:
                session.close()


if __name__ == "__main__":
    main()
