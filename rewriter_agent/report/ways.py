"""The cost of two ways to a fine-tuned model: plain SFT, and everything that rewriting adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rewriter_agent.io.files import read_jsonl
from rewriter_agent.runtime.run_folder import RunFolder

WAYS = {
    "expert": ("sft-expert",),
    "rewritten": ("prepare", "train", "rewrite", "replay", "student", "sft-rewritten"),
}
"""Stages of each way, by arm, as far as a run has them. Evaluations serve neither."""
GRPO = ("train", "student")
"""Stages of `WAYS` with a log of their own trained tokens."""
TOKENS = ("prompt_tokens", "generated_tokens", "scored_tokens")
"""Counts of a stage's manifest."""


@dataclass(frozen=True)
class Way:
    """Work of one way, without evaluations."""

    wall_seconds: float
    tokens: int
    """Tokens that were read, generated, scored or trained on, as far as stages count them."""
    rollouts: int


@dataclass(frozen=True)
class Ways:
    """The cost of both ways, and the second one's as a multiple of the first's."""

    expert: Way
    rewritten: Way
    time_multiple: float | None
    """None if plain SFT took no time."""
    token_multiple: float | None
    """None if plain SFT's tokens were not counted."""


def ways(folder: RunFolder, found: Mapping[str, dict[str, Any]]) -> Ways:
    """Add up the manifests in `found`, and the tokens of the fine-tunings' logs."""
    expert, rewritten = (_way(folder, found, arm) for arm in ("expert", "rewritten"))
    return Ways(
        expert,
        rewritten,
        _multiple(rewritten.wall_seconds, expert.wall_seconds),
        _multiple(rewritten.tokens, expert.tokens),
    )


def _way(folder: RunFolder, found: Mapping[str, dict[str, Any]], arm: str) -> Way:
    stages = {stage: found[stage] for stage in WAYS[arm] if stage in found}
    counts = [manifest["counts"] for manifest in stages.values()]
    logs = [folder.fine_tuning(arm).metrics, *(folder.stage(name).metrics for name in GRPO if name in stages)]
    trained = sum(int(rows[-1].get("num_tokens", 0)) for log in logs if (rows := read_jsonl(log)))
    return Way(
        wall_seconds=sum(manifest["wall_seconds"] for manifest in stages.values()),
        tokens=trained + sum(count.get(kind, 0) for count in counts for kind in TOKENS),
        rollouts=sum(count.get("rollouts", 0) for count in counts),
    )


def _multiple(value: float, of: float) -> float | None:
    return value / of if of else None
