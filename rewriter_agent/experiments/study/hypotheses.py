"""Predictions of the study on a known task, made before the numbers, and how they stand (docs/study.md)."""

from scipy.stats import spearmanr

from rewriter_agent.evaluate.seed_mean import SeedMean

from .prediction import GOES_WITH, Hypothesis, below_zero, helps, nothing_lost, signed_points
from .results import ArmResult, StudyResult


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
    standing = below_zero(excess) if arms["rl"].matched is not None else "refuted"
    if nothing_lost(expert):
        standing, found = (
            "open",
            f"{found}; plain SFT has forgotten nothing for certain, so that there is no half",
        )
    return Hypothesis(
        "H1",
        "at matched task score the RL rewriter forgets at most half of what plain SFT does",
        "the difference is above 0, or no rate is matched",
        found,
        standing,
    )


def _below_best_of_n(arms: dict[str, ArmResult]) -> Hypothesis:
    difference = _forgetting(arms["rl"]).minus(_forgetting(arms["best_of_budget"]))
    return Hypothesis(
        "H2",
        "it forgets less than best-of-N at equal rollouts",
        "the difference is above 0",
        f"difference {signed_points(difference)}",
        below_zero(difference),
    )


def _importance_sampling(arms: dict[str, ArmResult]) -> Hypothesis:
    rate = arms["rl"].chosen.learning_rate
    with_is, plain = arms["rl_is"].at(rate).metrics, arms["rl"].at(rate).metrics
    task, forgetting = (with_is[key].minus(plain[key]) for key in ("task", "forgetting"))
    return Hypothesis(
        "H3",
        "importance sampling helps where fallbacks remain",
        "the score is lower or the forgetting higher by more than its interval",
        f"at {rate:g}: task {signed_points(task)}, forgetting {signed_points(forgetting)}",
        helps(task, forgetting),
        intervals=2,
    )


def _diversity(arms: dict[str, ArmResult]) -> Hypothesis:
    with_term, without = (arms[name].chosen.metrics for name in ("rl_many", "rl_many_no_diversity"))
    task, forgetting = (with_term[key].minus(without[key]) for key in ("task", "forgetting"))
    standing = helps(task, forgetting)
    if standing == "open" and task.has_interval:
        # A term that matters would be seen.
        standing = "refuted"
    return Hypothesis(
        "H4",
        "the diversity term matters where there are several targets a problem",
        "both intervals hold 0, or either is worse",
        f"task {signed_points(task)}, forgetting {signed_points(forgetting)}",
        standing,
        intervals=2,
    )


def _correctness(arms: dict[str, ArmResult]) -> Hypothesis:
    rl, prompt = (arms[name].source["accepted"] for name in ("rl", "best_of_k"))
    difference = rl.minus(prompt)
    return Hypothesis(
        "H5",
        "training the rewriter does not cost correctness",
        "the difference is below 0",
        f"accepted {100 * rl.value:.1f} % against {100 * prompt.value:.1f} %, difference {signed_points(difference)}",
        below_zero(prompt.minus(rl)),
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
            f"the rank correlation is below {GOES_WITH:g}",
            f"rank correlation {found:.2f} over {len(measured)} fine-tunings",
            "held" if found >= GOES_WITH else "refuted",
            intervals=0,
        )
    ]


def _masked(arms: dict[str, ArmResult]) -> Hypothesis:
    rl, best_of_n = (arms[name].chosen.metrics["task"] for name in ("rl_mask", "best_of_budget_mask"))
    difference = rl.minus(best_of_n)
    return Hypothesis(
        "H7",
        "with fallbacks masked in both it costs less of the task than best-of-N at equal rollouts",
        "the difference is below 0",
        f"difference {signed_points(difference)}",
        below_zero(best_of_n.minus(rl)),
    )


def _forgetting(arm: ArmResult) -> SeedMean:
    return arm.chosen.metrics["forgetting"]
