"""Definition of the dashboard's panels; a test checks that a run logs their metrics."""

from dataclasses import dataclass
from typing import Literal

from .axis import EVALUATION, REWRITING, TRAINING_STEP


@dataclass(frozen=True)
class Panel:
    """Metrics in one chart."""

    title: str
    metrics: tuple[str, ...]
    """Full names; a trailing `*` matches any suffix."""
    kind: Literal["line", "bar"] = "line"


@dataclass(frozen=True)
class Section:
    """Panels of the same runs, plotted against the same metric."""

    title: str
    stages: tuple[str, ...]
    step: str
    panels: tuple[Panel, ...]


POLICY = Section(
    "Policy (GRPO)",
    ("train", "student"),
    TRAINING_STEP,
    (
        Panel("Reward", ("train/reward", "train/reward_std")),
        Panel("Gate: share of candidates that pass", ("train/reward_terms/gate_mean",)),
        Panel(
            "Terms, of candidates that pass",
            (
                "train/reward_terms/alignment_mean",
                "train/reward_terms/diversity_mean",
                "train/reward_terms/coverage_mean",
            ),
        ),
        Panel("Least likely tokens, of candidates that pass (nats)", ("train/reward_terms/tail_mean",)),
        Panel("Support: nats per token of the answer", ("train/reward_terms/support_mean",)),
        Panel("Rejected, by reason", ("train/rejected/*",)),
        Panel(
            "Steps: share that is true, and candidates with a false or broken one",
            ("train/steps/true_share", "train/steps/false_candidates", "train/steps/broken_candidates"),
        ),
        Panel("Groups without variance", ("train/frac_reward_zero_std",)),
        Panel("Entropy", ("train/entropy",)),
        Panel("KL to the backbone (where train.beta > 0)", ("train/kl",)),
        Panel("Completion length", ("train/completions/mean_length",)),
        Panel("Truncated completions", ("train/completions/clipped_ratio",)),
        Panel(
            "Log-probs of engines and learner: difference",
            ("train/sampling/sampling_logp_difference/mean", "train/sampling/sampling_logp_difference/max"),
        ),
        Panel("Length and reward: correlation", ("train/length_correlation/*",)),
        Panel(
            "Seconds a step",
            (
                "train/step_time",
                "train/perf/rollout_wait_s",
                "train/perf/reward_s",
                "train/perf/weight_sync_s",
            ),
        ),
        Panel(
            "Engines: tokens a second",
            ("train/fleet/policy/tokens_per_second", "train/fleet/backbone/tokens_per_second"),
        ),
        Panel("Engines: idle", ("train/fleet/policy/idle", "train/fleet/backbone/idle")),
        Panel("Engines lost", ("train/fleet/policy/restarts", "train/fleet/backbone/restarts")),
    ),
)
REWRITE = Section(
    "Rewriting",
    ("rewrite",),
    REWRITING.step,
    (
        Panel("Problems by outcome", ("rewrite/outcome/*",)),
        Panel("Candidates that pass", ("rewrite/gate/accepted",)),
        Panel("Candidates by verdict", ("rewrite/gate/*",)),
        Panel("Coverage of the expert's facts by rewritten targets", ("rewrite/coverage",)),
        Panel("Targets with a false step", ("rewrite/targets_with_false_step",)),
        Panel("Cost in tokens", ("rewrite/generated_tokens", "rewrite/scored_tokens")),
    ),
)
SFT = Section(
    "Fine-tuning (SFT)",
    ("sft-expert", "sft-rewritten"),
    TRAINING_STEP,
    (
        Panel("Loss", ("train/loss",)),
        Panel("Unweighted loss", ("train/unweighted_loss",)),
        Panel("Unweighted loss by outcome", ("train/unweighted_loss/*",)),
        Panel("Effective sample size", ("train/ess",)),
        Panel("Clipped and masked weights", ("train/clip_fraction", "train/mask_fraction")),
        Panel("KL to the backbone on its own answers", ("train/probe/kl",)),
        Panel("Tokens a second", ("train/tokens_per_second",)),
    ),
)
EVALUATE = Section(
    "Evaluation",
    ("evaluate-base", "evaluate-expert", "evaluate-rewritten"),
    EVALUATION.step,
    (
        Panel("Task", ("eval/task",), "bar"),
        Panel("Retention", ("eval/retention",), "bar"),
    ),
)
SECTIONS = (POLICY, REWRITE, SFT, EVALUATE)


def metric_names() -> list[str]:
    """List the metric names of all panels."""
    return [name for section in SECTIONS for panel in section.panels for name in panel.metrics]


def outline() -> str:
    """Sections, panels and metrics as text."""
    lines = []
    for section in SECTIONS:
        lines.append(f"{section.title}: {', '.join(section.stages)}, against {section.step}")
        lines += [f"  {panel.title}: {', '.join(panel.metrics)}" for panel in section.panels]
    return "\n".join(lines)
