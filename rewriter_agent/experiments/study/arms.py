"""Sources of a study's targets, and the arms that are fine-tuned on them."""

from dataclasses import dataclass
from typing import Literal

WeightName = Literal["none", "is", "dft", "eaft", "low_perplexity_mask", "mask_fallbacks"]


@dataclass(frozen=True)
class Source:
    """Origin of an arm's targets: a rewriting of the training problems, done once per seed."""

    text: str
    rewriter: str | None = None
    """The source whose rewriter writes for this one, too; None trains one where the strategy needs it."""


@dataclass(frozen=True)
class Arm:
    """One way to fine-tune."""

    text: str
    source: str
    weight: WeightName = "none"
    """`is` is the importance sampling of `study.weight`; `mask_fallbacks` masks what the backbone finds unlikely in the
    rows that kept the expert's solution, and leaves the others plain."""
    small_rate: bool = False
    """Whether its rates are smaller, by `study.small_rate`."""
    refresh: bool = False
    """Whether its targets are regenerated for the student during training."""


EXPERT, PAPER = "expert", "rl_paper"
SOURCES = {
    EXPERT: Source("the expert's solutions"),
    "mind_the_gap": Source("Mind the Gap: alone, else by prompt, else the expert's"),
    "best_of_k": Source("the likeliest of K rewrites by prompt that pass"),
    "best_of_budget": Source("the same at the RL rewriter's whole budget of rollouts, training included"),
    "rl": Source("the RL rewriter, the config's reward"),
    PAPER: Source("the RL rewriter, the published reward"),
    "rl_no_alignment": Source("the RL rewriter, no alignment term, no rule of the gate on it"),
    "rl_no_diversity": Source("the RL rewriter, no diversity term"),
    "rl_typicality": Source("the RL rewriter, alignment by typicality"),
    "rl_greedy": Source("the RL rewriter, one greedy rewrite a problem", rewriter="rl"),
    "rl_many": Source("the RL rewriter, several targets a problem", rewriter="rl"),
    "rl_many_no_diversity": Source(
        "the rewriter without a diversity term, several targets a problem", rewriter="rl_no_diversity"
    ),
}
"""Sources by name, in the order in which they are made."""
ARMS = {
    "expert": Arm("SFT on expert solutions", EXPERT),
    "expert_small_rate": Arm("SFT on expert solutions, smaller rate", EXPERT, small_rate=True),
    "dft": Arm("DFT on expert solutions", EXPERT, "dft"),
    "low_perplexity_mask": Arm("low-perplexity mask on expert solutions", EXPERT, "low_perplexity_mask"),
    "eaft": Arm("EAFT on expert solutions", EXPERT, "eaft"),
    "mind_the_gap": Arm("Mind the Gap", "mind_the_gap"),
    "mind_the_gap_is": Arm("Mind the Gap, IS", "mind_the_gap", "is"),
    "mind_the_gap_mask": Arm("Mind the Gap, fallbacks masked", "mind_the_gap", "mask_fallbacks"),
    "best_of_k": Arm("best of K", "best_of_k"),
    "best_of_k_is": Arm("best of K, IS", "best_of_k", "is"),
    "best_of_budget": Arm("best of N at equal rollouts", "best_of_budget"),
    "best_of_budget_is": Arm("best of N at equal rollouts, IS", "best_of_budget", "is"),
    "best_of_budget_mask": Arm(
        "best of N at equal rollouts, fallbacks masked", "best_of_budget", "mask_fallbacks"
    ),
    "rl": Arm("RL rewriter", "rl"),
    "rl_is": Arm("RL rewriter, IS", "rl", "is"),
    "rl_mask": Arm("RL rewriter, fallbacks masked", "rl", "mask_fallbacks"),
    "rl_paper": Arm("RL rewriter, published reward", PAPER),
    "rl_paper_is": Arm("RL rewriter, published reward, IS", PAPER, "is"),
    "rl_no_alignment": Arm("RL rewriter without alignment", "rl_no_alignment"),
    "rl_no_diversity": Arm("RL rewriter without diversity", "rl_no_diversity"),
    "rl_typicality": Arm("RL rewriter, typicality", "rl_typicality"),
    "rl_greedy": Arm("RL rewriter, greedy", "rl_greedy"),
    "rl_many": Arm("RL rewriter, several targets", "rl_many"),
    "rl_many_no_diversity": Arm("RL rewriter without diversity, several targets", "rl_many_no_diversity"),
    "rl_refresh": Arm("RL rewriter, refreshed", "rl", refresh=True),
}
"""Arms by name, in the order of the tables."""
REFERENCES = ("expert", "best_of_budget")
"""Arms that every other arm is compared with, seed by seed."""
