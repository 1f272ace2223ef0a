"""Predictions made before the numbers, and how they stand (docs/study.md)."""

from dataclasses import dataclass
from typing import Literal

from scipy.stats import spearmanr

from rewriter_agent.evaluate.seed_mean import SeedMean

from .results import ArmResult, StudyResult

Standing = Literal["held", "refuted", "open"]
GOES_WITH = 0.5
"""Least rank correlation at which two quantities count as related."""


@dataclass(frozen=True)
class Hypothesis:
    """A prediction and how it stands."""

    name: str
    text: str
    found: str
    """Numbers that decide it."""
    standing: Standing


def hypotheses(result: StudyResult) -> list[Hypothesis]:
    """Decide the hypotheses whose arms have been measured."""
    arms = {arm.arm: arm for arm in result.arms}
    tests = (
        ({"rl", "expert"}, _half_of_sft),
        ({"rl", "best_of_budget"}, _below_best_of_n),
        ({"rl", "rl_is"}, _importance_sampling),
        ({"rl_many", "rl_many_no_diversity"}, _diversity),
        ({"rl", "best_of_k"}, _correctness),
        ({"rl_mask", "best_of_budget_mask"}, _masked),
    )
    found = [test(arms) for needed, test in tests if needed <= arms.keys()]
    return sorted([*found, *_drift(result)], key=lambda hypothesis: hypothesis.name)


def _half_of_sft(arms: dict[str, ArmResult]) -> Hypothesis:
    rl, expert = _forgetting(arms["rl"]), _forgetting(arms["expert"])
    excess = rl.minus(expert, factor=0.5)
    found = f"{signed_points(rl)} against {signed_points(expert)}; minus its half {signed_points(excess)}"
    standing = _below_zero(excess) if arms["rl"].matched is not None else "refuted"
    if expert.has_interval and expert.low <= 0:
        standing, found = (
            "open",
            f"{found}; plain SFT has forgotten nothing for certain, so that there is no half",
        )
    return Hypothesis(
        "H1",
        "at matched task score the RL rewriter forgets at most half of what plain SFT does",
        found,
        standing,
    )


def _below_best_of_n(arms: dict[str, ArmResult]) -> Hypothesis:
    difference = _forgetting(arms["rl"]).minus(_forgetting(arms["best_of_budget"]))
    return Hypothesis(
        "H2",
        "it forgets less than best-of-N at equal rollouts",
        f"difference {signed_points(difference)}",
        _below_zero(difference),
    )


def _importance_sampling(arms: dict[str, ArmResult]) -> Hypothesis:
    rate = arms["rl"].chosen.learning_rate
    with_is, plain = arms["rl_is"].at(rate).metrics, arms["rl"].at(rate).metrics
    task, forgetting = (with_is[key].minus(plain[key]) for key in ("task", "forgetting"))
    return Hypothesis(
        "H3",
        "importance sampling helps where fallbacks remain",
        f"at {rate:g}: task {signed_points(task)}, forgetting {signed_points(forgetting)}",
        _helps(task, forgetting),
    )


def _diversity(arms: dict[str, ArmResult]) -> Hypothesis:
    with_term, without = (arms[name].chosen.metrics for name in ("rl_many", "rl_many_no_diversity"))
    task, forgetting = (with_term[key].minus(without[key]) for key in ("task", "forgetting"))
    standing = _helps(task, forgetting)
    if standing == "open" and task.has_interval:
        # A term that matters would be seen.
        standing = "refuted"
    return Hypothesis(
        "H4",
        "the diversity term matters where there are several targets a problem",
        f"task {signed_points(task)}, forgetting {signed_points(forgetting)}",
        standing,
    )


def _correctness(arms: dict[str, ArmResult]) -> Hypothesis:
    rl, prompt = (arms[name].source["accepted"] for name in ("rl", "best_of_k"))
    difference = rl.minus(prompt)
    return Hypothesis(
        "H5",
        "training the rewriter does not cost correctness",
        f"accepted {100 * rl.value:.1f} % against {100 * prompt.value:.1f} %, difference {signed_points(difference)}",
        _below_zero(prompt.minus(rl)),
    )


def _drift(result: StudyResult) -> list[Hypothesis]:
    measured = [cell.metrics for cell in result.cells if "kl" in cell.metrics]
    if len({metrics["kl"] for metrics in measured}) < 3 or len({m["forgetting"] for m in measured}) < 2:
        return []
    found = float(spearmanr([m["kl"] for m in measured], [m["forgetting"] for m in measured]).statistic)
    return [
        Hypothesis(
            "H6",
            "forgetting goes with KL from the backbone on its own answers",
            f"rank correlation {found:.2f} over {len(measured)} fine-tunings",
            "held" if found >= GOES_WITH else "refuted",
        )
    ]


def _masked(arms: dict[str, ArmResult]) -> Hypothesis:
    rl, best_of_n = (arms[name].chosen.metrics["task"] for name in ("rl_mask", "best_of_budget_mask"))
    difference = rl.minus(best_of_n)
    return Hypothesis(
        "H7",
        "with fallbacks masked in both it costs less of the task than best-of-N at equal rollouts",
        f"difference {signed_points(difference)}",
        _below_zero(best_of_n.minus(rl)),
    )


def _forgetting(arm: ArmResult) -> SeedMean:
    return arm.chosen.metrics["forgetting"]


def _below_zero(difference: SeedMean) -> Standing:
    """Decide by the interval; open if it holds 0, or if there is only one seed."""
    if not difference.beyond_chance:
        return "open"
    return "held" if difference.high < 0 else "refuted"


def _helps(task: SeedMean, forgetting: SeedMean) -> Standing:
    if not task.has_interval:
        return "open"
    if task.high < 0 or forgetting.low > 0:
        return "refuted"
    return "held" if task.low > 0 or forgetting.high < 0 else "open"


def signed_points(value: SeedMean) -> str:
    """Format a difference in points, with the interval over seeds if there is one."""
    text = f"{100 * value.value:+.1f}"
    if value.has_interval:
        text += f" [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"
    return text.replace("-", "−")
