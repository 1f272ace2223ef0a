"""Methods: the rows of the rewriting that the model is fine-tuned on, or training of the model itself."""

from collections.abc import Mapping
from typing import Any, Literal

from sft.config.sft import SFTConfig

from .outcomes import EXPERTS
from .rewrite import RewriteConfig
from .strategies import STRATEGIES, StrategyName
from .train import READ_BY_GRPO, TrainConfig

Method = Literal["rewrite", "accepted_only", "self_train", "grpo", "sdft"]
SELF_TRAIN: tuple[StrategyName, ...] = ("self_train", "self_train_unverified")
"""Strategies of `self_train`, the default one first."""
STUDENT: frozenset[Method] = frozenset({"grpo", "sdft"})
"""Methods that train the model on its own rollouts, without rewriting and without rows to fine-tune on."""


def trains_student(method: Method) -> bool:
    """Tell whether the method trains the model on its own rollouts, in the stage `student`."""
    return method in STUDENT


def trains_on(method: Method, outcome: str) -> bool:
    """Tell whether targets of this outcome are rows to fine-tune on."""
    return method == "rewrite" or outcome not in EXPERTS


def with_strategy_of_method(tree: Any) -> Any:
    """Fill in the strategy of `self_train` if the config names none."""
    if not isinstance(tree, dict) or tree.get("method") != "self_train":
        return tree
    section = tree.get("rewrite") or {}
    return tree | {"rewrite": {"strategy": SELF_TRAIN[0]} | section} if isinstance(section, dict) else tree


def check_method(method: Method, rewrite: RewriteConfig, sft: SFTConfig, train: TrainConfig) -> None:
    """Raise ValueError if the method cannot have this strategy, or does not read another option."""
    _check_train(method, train)
    if trains_student(method):
        _check_student(method, rewrite, sft)
        _check_evaluation(sft, train)
    else:
        _check_strategy(method, rewrite.strategy)
        _check_rows(method, rewrite, sft)


def _check_student(method: Method, rewrite: RewriteConfig, sft: SFTConfig) -> None:
    given = {
        "rewrite.strategy": (rewrite.strategy, RewriteConfig().strategy),
        "rewrite.rewriter": (rewrite.rewriter, None),
        "rewrite.select": (rewrite.select, None),
        "rewrite.keep_gap": (rewrite.keep_gap, None),
        "sft.outcome_weights": (sft.outcome_weights, {}),
        "sft.refresh": (sft.refresh, None),
        "sft.replay": (sft.replay, None),
        "sft.sweep": (sft.sweep, None),
    }
    if unread := {key: neutral for key, (value, neutral) in given.items() if value != neutral}:
        raise ValueError(
            f"method={method} trains the model itself, without rewriting and without fine-tuning on rewritten rows, "
            f"and has no use for {', '.join(unread)}; {_set_to(unread)}, or method=rewrite"
        )


def _set_to(values: Mapping[str, object]) -> str:
    """Say how to override options of a config, whatever its file and the files that it is based on have."""
    return "add " + " ".join(
        f"--set {key}={'null' if value is None else value}" for key, value in values.items()
    )


def _check_evaluation(sft: SFTConfig, train: TrainConfig) -> None:
    if sft.evaluation and train.max_steps <= sft.evaluation.eval_steps:
        raise ValueError(
            f"sft.evaluation.eval_steps ({sft.evaluation.eval_steps}) leaves one evaluation, at the end of "
            f"train.max_steps ({train.max_steps}), and so nothing to choose from; lower it, or remove the section "
            "sft.evaluation"
        )


def _check_train(method: Method, train: TrainConfig) -> None:
    if method != "sdft":
        if train.num_generations < 2:
            raise ValueError(
                f"train.num_generations={train.num_generations} is too few for GRPO, which compares the rewards of a "
                f"problem's candidates; set 2 or more, or method=sdft"
            )
        return
    defaults = {key: TrainConfig.model_fields[key].default for key in READ_BY_GRPO}
    if changed := {f"train.{key}": value for key, value in defaults.items() if getattr(train, key) != value}:
        raise ValueError(
            f"method=sdft has no reward to reinforce, and no use for {', '.join(changed)}; {_set_to(changed)}, or "
            "method=grpo"
        )


def _check_strategy(method: Method, strategy: StrategyName) -> None:
    if method == "self_train" and strategy not in SELF_TRAIN:
        raise ValueError(
            f"method=self_train has strategies of its own, and rewrite.strategy={strategy} is none of them; "
            f"{_set_to({'rewrite.strategy': SELF_TRAIN[0]})} or {SELF_TRAIN[1]}"
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


def _check_rows(method: Method, rewrite: RewriteConfig, sft: SFTConfig) -> None:
    if method != "rewrite" and rewrite.keep_gap is not None:
        raise ValueError(
            f"rewrite.keep_gap={rewrite.keep_gap:g} keeps solutions of the expert, which method={method} drops; leave "
            "it out, or set method=rewrite"
        )
    if unread := [outcome for outcome in sft.outcome_weights if not trains_on(method, outcome)]:
        raise ValueError(
            f"sft.outcome_weights has a rule for {', '.join(unread)}, whose rows method={method} drops; leave it out, "
            "or set method=rewrite"
        )
