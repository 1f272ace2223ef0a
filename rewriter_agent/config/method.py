"""Methods: the rows of the rewriting that the model is fine-tuned on."""

from collections.abc import Collection
from typing import Any, Literal

from .outcomes import EXPERTS
from .strategies import STRATEGIES, StrategyName

Method = Literal["rewrite", "accepted_only", "self_train"]
SELF_TRAIN: tuple[StrategyName, ...] = ("self_train", "self_train_unverified")
"""Strategies of `self_train`, the default one first."""


def trains_on(method: Method, outcome: str) -> bool:
    """Tell whether targets of this outcome are rows to fine-tune on."""
    return method == "rewrite" or outcome not in EXPERTS


def with_strategy_of_method(tree: Any) -> Any:
    """Fill in the strategy of `self_train` if the config names none."""
    if not isinstance(tree, dict) or tree.get("method") != "self_train":
        return tree
    section = tree.get("rewrite") or {}
    return tree | {"rewrite": {"strategy": SELF_TRAIN[0]} | section} if isinstance(section, dict) else tree


def check_method(
    method: Method, strategy: StrategyName, keep_gap: float | None, weighted: Collection[str]
) -> None:
    """Raise ValueError if the method cannot have this strategy, or does not read another option.

    The options are `rewrite.keep_gap` and the outcomes `weighted` by `sft.outcome_weights`.
    """
    if method == "self_train" and strategy not in SELF_TRAIN:
        raise ValueError(
            f"method=self_train has strategies of its own, and rewrite.strategy={strategy} is none of them; leave it "
            f"out, or set {' or '.join(SELF_TRAIN)}"
        )
    if method != "self_train" and strategy in SELF_TRAIN:
        raise ValueError(
            f"rewrite.strategy={strategy} belongs to method=self_train, and method={method}; set method=self_train, or "
            "take self_align, which keeps the expert's solution of unsolved problems"
        )
    if method == "accepted_only" and not STRATEGIES[strategy].rounds:
        raise ValueError(
            f"method=accepted_only drops the expert's solutions, and rewrite.strategy={strategy} writes nothing else; "
            "take another strategy, or method=rewrite"
        )
    if method != "rewrite" and keep_gap is not None:
        raise ValueError(
            f"rewrite.keep_gap={keep_gap:g} keeps solutions of the expert, which method={method} drops; leave it out, "
            "or set method=rewrite"
        )
    if unread := [outcome for outcome in weighted if not trains_on(method, outcome)]:
        raise ValueError(
            f"sft.outcome_weights has a rule for {', '.join(unread)}, whose rows method={method} drops; leave it out, "
            "or set method=rewrite"
        )
