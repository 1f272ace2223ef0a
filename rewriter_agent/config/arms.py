"""Sources of a study's targets, and the arms that are fine-tuned on them."""

from dataclasses import dataclass, field
from enum import Enum

from sft.config.sft import LoraSection

from .train import READ_BY_GRPO, TrainConfig


class StudyValue(Enum):
    """Value that follows from the study's config; `StudyPlan` puts it in."""

    BUDGET = "rollouts a problem of the RL rewriter, its training included"
    STEPS = "steps of a student with all these rollouts, rounded up to whole steps"
    NUM_TARGETS = "`study.num_targets`"
    IS_WEIGHT = "`study.weight`, the importance sampling"
    SMALL_RATE = "the learning rate times `study.small_rate`"
    LORA_RATE = "ten times the learning rate, which an adapter needs"
    REPLAY = "the section `sft.replay`; without one, its defaults"
    REFRESH = "the section `sft.refresh` that makes `study.refresh_parts` parts"


Changes = dict[str, object]
"""Values by config key; a value may be a `StudyValue`."""


@dataclass(frozen=True)
class TargetSource:
    """Origin of an arm's targets: a rewriting of the training problems, done once per seed.

    A method that trains the student itself has the trained student in place of targets.
    """

    text: str
    changes: Changes = field(default_factory=dict)
    """Differences from the study's config with the strategy `policy`, by dotted key."""
    rewriter: str | None = None
    """Source whose rewriter writes for this one as well; None trains one if the strategy needs it."""
    reward_preset: str | None = None
    """Preset in place of the config's reward; how answers are judged stays the config's."""


@dataclass(frozen=True)
class Arm:
    """One way to fine-tune."""

    text: str
    source: str
    sft: Changes = field(default_factory=dict)
    """Differences from plain SFT with the study's options, by key of the section `sft`."""
    accepted_only: bool = False
    """Whether rows that keep the expert's solution are dropped."""


IS: Changes = {"weight": StudyValue.IS_WEIGHT}
REPLAY: Changes = {"replay": StudyValue.REPLAY}
MASK_FALLBACKS: Changes = {"outcome_weights": {"expert_fallback": {"kind": "low_perplexity_mask"}}}
"""Masks what the backbone finds unlikely in rows that kept the expert's solution, and leaves the others plain."""
OLD_GATE: Changes = {"reward.false_step": "measure"}
"""Counts false steps and does not reject them."""
SEVERAL_TARGETS: Changes = {"rewrite.select": "diverse", "rewrite.num_targets": StudyValue.NUM_TARGETS}
MIND_THE_GAP: Changes = {"rewrite.strategy": "mind_the_gap"}
BEST_OF_BUDGET: Changes = {"rewrite.strategy": "best_of_n", "rewrite.num_generations": StudyValue.BUDGET}
GREEDY: Changes = {"rewrite.temperature": 0.0, "rewrite.num_generations": 1}
SELF_TRAIN: Changes = {
    "method": "self_train",
    "rewrite.strategy": "self_train",
    "rewrite.num_generations": StudyValue.BUDGET,
    "rewrite.keep_gap": None,
}
GRPO: Changes = {"method": "grpo", "train.max_steps": StudyValue.STEPS, "rewrite.keep_gap": None}

GRPO_DEFAULTS: Changes = {f"train.{key}": TrainConfig.model_fields[key].default for key in READ_BY_GRPO}
"""Options of GRPO, which SDFT refuses if they are set."""


EXPERT = "expert"
SOURCES = {
    EXPERT: TargetSource("the expert's solutions", {"rewrite.strategy": "expert"}),
    "mind_the_gap": TargetSource("Mind the Gap: alone, else by prompt, else the expert's", MIND_THE_GAP),
    "mind_the_gap_false_steps": TargetSource(
        "the same, false steps counted but not rejected", MIND_THE_GAP | OLD_GATE
    ),
    "best_of_k": TargetSource(
        "the likeliest of K rewrites by prompt that pass", {"rewrite.strategy": "best_of_n"}
    ),
    "prompt_greedy": TargetSource(
        "one greedy rewrite a problem by prompt", {"rewrite.strategy": "best_of_n", **GREEDY}
    ),
    "best_of_budget": TargetSource(
        "the same at the RL rewriter's whole budget of rollouts, training included", BEST_OF_BUDGET
    ),
    "best_of_budget_false_steps": TargetSource(
        "the same, false steps counted but not rejected", BEST_OF_BUDGET | OLD_GATE
    ),
    "self_train": TargetSource(
        "the backbone's own samples that pass, the expert's solution unseen, at the RL rewriter's budget of rollouts",
        SELF_TRAIN,
    ),
    "self_train_false_steps": TargetSource(
        "the same, false steps counted but not rejected", SELF_TRAIN | OLD_GATE
    ),
    "self_train_unverified": TargetSource(
        "the backbone's own samples, one a target, not verified",
        {"method": "self_train", "rewrite.strategy": "self_train_unverified", "rewrite.keep_gap": None},
    ),
    "grpo": TargetSource(
        "no targets: the student trained by GRPO on the gate, at the RL rewriter's budget of rollouts",
        GRPO,
    ),
    "grpo_false_steps": TargetSource("the same, false steps counted but not rejected", GRPO | OLD_GATE),
    "sdft": TargetSource(
        "no targets: the student distilled by SDFT from the backbone that sees the expert's solution, at the RL "
        "rewriter's budget of rollouts",
        {
            "method": "sdft",
            "train.max_steps": StudyValue.STEPS,
            **GRPO_DEFAULTS,
            "rewrite.keep_gap": None,
        },
    ),
    "rl": TargetSource("the RL rewriter, the config's reward"),
    "rl_paper": TargetSource("the RL rewriter, the published reward", reward_preset="paper"),
    "rl_rlt": TargetSource("the RL rewriter, the reward of RLT", reward_preset="rlt"),
    "rl_no_alignment": TargetSource(
        "the RL rewriter, no alignment term, no rule of the gate on it",
        {"reward.alignment_weight": 0.0, "reward.min_alignment": 0.0},
    ),
    "rl_no_diversity": TargetSource("the RL rewriter, no diversity term", {"reward.diversity_weight": 0.0}),
    "rl_typicality": TargetSource(
        "the RL rewriter, alignment by typicality", {"reward.alignment": "typicality"}
    ),
    "rl_support": TargetSource("the RL rewriter, with a term on support", {"reward.support_weight": 0.35}),
    "rl_tail": TargetSource("the RL rewriter, with a term on the tail", {"reward.tail_weight": 0.35}),
    "rl_coverage": TargetSource("the RL rewriter, with a term on coverage", {"reward.coverage_weight": 0.35}),
    "rl_false_steps": TargetSource("the RL rewriter, false steps counted but not rejected", OLD_GATE),
    "rl_greedy": TargetSource(
        "the RL rewriter, one greedy rewrite a problem",
        GREEDY,
        rewriter="rl",
    ),
    "rl_blind": TargetSource(
        "the RL rewriter that does not see the answer",
        {"prompts.show_answer": False},
    ),
    "rl_many": TargetSource("the RL rewriter, several targets a problem", SEVERAL_TARGETS, rewriter="rl"),
    "rl_many_no_diversity": TargetSource(
        "the rewriter without a diversity term, several targets a problem",
        SEVERAL_TARGETS,
        rewriter="rl_no_diversity",
    ),
}
"""Sources by name, in the order in which they are made."""
ARMS = {
    "expert": Arm("SFT on expert solutions", EXPERT),
    "expert_small_rate": Arm(
        "SFT on expert solutions, smaller rate", EXPERT, {"learning_rate": StudyValue.SMALL_RATE}
    ),
    "dft": Arm("DFT on expert solutions", EXPERT, {"weight": {"kind": "dft"}}),
    "low_perplexity_mask": Arm(
        "low-perplexity mask on expert solutions", EXPERT, {"weight": {"kind": "low_perplexity_mask"}}
    ),
    "eaft": Arm("EAFT on expert solutions", EXPERT, {"weight": {"kind": "eaft"}}),
    "prior": Arm("PriFT on expert solutions", EXPERT, {"weight": {"kind": "prior"}}),
    "expert_replay": Arm("SFT on expert solutions, replay", EXPERT, REPLAY),
    "expert_lora": Arm(
        "SFT on expert solutions, LoRA",
        EXPERT,
        {"lora": LoraSection().model_dump(), "learning_rate": StudyValue.LORA_RATE},
    ),
    "wise_ft": Arm("SFT on expert solutions, averaged with the base", EXPERT, {"wise_ft_alpha": 0.5}),
    "mind_the_gap": Arm("Mind the Gap", "mind_the_gap"),
    "mind_the_gap_false_steps": Arm("Mind the Gap, false steps allowed", "mind_the_gap_false_steps"),
    "mind_the_gap_is": Arm("Mind the Gap, IS", "mind_the_gap", IS),
    "mind_the_gap_mask": Arm("Mind the Gap, fallbacks masked", "mind_the_gap", MASK_FALLBACKS),
    "best_of_k": Arm("best of K", "best_of_k"),
    "best_of_k_is": Arm("best of K, IS", "best_of_k", IS),
    "prompt_greedy": Arm("greedy rewrites by prompt", "prompt_greedy"),
    "best_of_budget": Arm("best of N at equal rollouts", "best_of_budget"),
    "best_of_budget_false_steps": Arm(
        "best of N at equal rollouts, false steps allowed", "best_of_budget_false_steps"
    ),
    "best_of_budget_is": Arm("best of N at equal rollouts, IS", "best_of_budget", IS),
    "best_of_budget_mask": Arm(
        "best of N at equal rollouts, fallbacks masked", "best_of_budget", MASK_FALLBACKS
    ),
    "self_train": Arm("own samples that pass, at equal rollouts", "self_train"),
    "self_train_false_steps": Arm("own samples that pass, false steps allowed", "self_train_false_steps"),
    "self_train_unverified": Arm("own samples, not verified", "self_train_unverified"),
    "grpo": Arm("GRPO student at equal rollouts", "grpo"),
    "grpo_false_steps": Arm("GRPO student at equal rollouts, false steps allowed", "grpo_false_steps"),
    "sdft": Arm("SDFT student at equal rollouts", "sdft"),
    "rl": Arm("RL rewriter", "rl"),
    "accepted_only": Arm("RL rewriter, accepted rewrites only", "rl", accepted_only=True),
    "accepted_only_false_steps": Arm(
        "RL rewriter, accepted rewrites only, false steps allowed", "rl_false_steps", accepted_only=True
    ),
    "rl_is": Arm("RL rewriter, IS", "rl", IS),
    "rl_prior_ratio": Arm("RL rewriter, ratio to the backbone", "rl", {"weight": {"kind": "prior_ratio"}}),
    "rl_mask": Arm("RL rewriter, fallbacks masked", "rl", MASK_FALLBACKS),
    "rl_replay": Arm("RL rewriter, replay", "rl", REPLAY),
    "rl_paper": Arm("RL rewriter, published reward", "rl_paper"),
    "rl_paper_is": Arm("RL rewriter, published reward, IS", "rl_paper", IS),
    "rl_rlt": Arm("RL rewriter, reward of RLT", "rl_rlt"),
    "rl_no_alignment": Arm("RL rewriter without alignment", "rl_no_alignment"),
    "rl_no_diversity": Arm("RL rewriter without diversity", "rl_no_diversity"),
    "rl_typicality": Arm("RL rewriter, typicality", "rl_typicality"),
    "rl_support": Arm("RL rewriter, support", "rl_support"),
    "rl_tail": Arm("RL rewriter, tail", "rl_tail"),
    "rl_coverage": Arm("RL rewriter, coverage", "rl_coverage"),
    "rl_false_steps": Arm("RL rewriter, false steps allowed", "rl_false_steps"),
    "rl_greedy": Arm("RL rewriter, greedy", "rl_greedy"),
    "rl_blind": Arm("RL rewriter, answer not shown", "rl_blind"),
    "rl_many": Arm("RL rewriter, several targets", "rl_many"),
    "rl_many_mask": Arm("RL rewriter, several targets, fallbacks masked", "rl_many", MASK_FALLBACKS),
    "rl_many_no_diversity": Arm("RL rewriter without diversity, several targets", "rl_many_no_diversity"),
    "rl_refresh": Arm("RL rewriter, refreshed", "rl", {"refresh": StudyValue.REFRESH}),
}
"""Arms by name, in the order of the tables."""
REFERENCES = ("expert", "best_of_budget")
"""Arms that every other arm is compared with, seed by seed."""
