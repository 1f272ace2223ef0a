"""`rewriter-agent compare --methods`: whole methods side by side, as a study with one rate and one seed."""

from collections.abc import Sequence

from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.config.arms import EXPERT
from rewriter_agent.config.method import Method

ARM_OF: dict[Method, str] = {
    "rewrite": "rl",
    "accepted_only": "accepted_only",
    "self_train": "self_train",
    "grpo": "grpo",
    "sdft": "sdft",
}
"""Arm of the study by method; all have the rollouts of the RL rewriter, its training included."""
FOLDER = "methods"
"""Name of the study's folder in the run's."""


def methods_study(config: RunConfig, methods: Sequence[Method]) -> RunConfig:
    """Return the config of the study that compares the methods with each other and with SFT on expert solutions.

    Raises:
        ValueError: the config has an option that a study cannot have.
    """
    tree = config.model_dump(mode="json")
    tree |= {"name": FOLDER, "output_dir": config.folder}
    tree["tracking"]["group"] = config.tracking.group or config.name
    tree["study"] = {
        "seeds": [config.seed],
        "learning_rates": [config.sft.learning_rate],
        "arms": [EXPERT, *(ARM_OF[method] for method in methods)],
    }
    return make_config(tree)
