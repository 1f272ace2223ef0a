"""Predictions about a study of lessons, made before its numbers (docs/study.md).

Every arm is compared at its own best rate.
"""

from collections.abc import Sequence
from functools import partial

from scipy.stats import spearmanr

from rewriter_agent.config.arms import ARMS, EXPERT
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.results import Measurement

from .comparison import MATCHED_WITHIN
from .frontier import mean_gain
from .prediction import GOES_WITH, Hypothesis, Standing, below_zero, helps, nothing_lost, signed_points
from .results import ArmResult, StudyResult

REWRITERS = {"rl": "", "rl_greedy": " (greedy)"}
"""Arms of which A and B are asked, and what tells them apart in the names."""
MOST_LOST = 0.25
"""Share of plain SFT's forgetting that the RL rewriter may have."""
RIVALS = (
    EXPERT,
    "prompt_greedy",
    "best_of_budget",
    "mind_the_gap",
    "accepted_only",
    "expert_replay",
    "sdft",
    "grpo",
)
"""Arms whose frontier the RL rewriter should be ahead of."""
FEWEST_SOURCES = 4
"""Sources of targets that a rank correlation needs."""


def lesson_hypotheses(result: StudyResult) -> list[Hypothesis]:
    """Decide the hypotheses whose arms have been measured."""
    arms = {arm.arm: arm for arm in result.arms}
    tests = (
        *(({rewriter, EXPERT}, partial(_quarter_of_sft, rewriter=rewriter)) for rewriter in REWRITERS),
        *(({rewriter, EXPERT}, partial(_ahead, rewriter=rewriter)) for rewriter in REWRITERS),
        ({"rl", "rl_is"}, _importance_sampling),
        ({EXPERT}, _lost_lesson),
        ({"rl", "rl_false_steps"}, _checked_steps),
        ({"rl", "rl_coverage"}, _coverage),
    )
    found = [test(arms) for needed, test in tests if needed <= arms.keys()]
    return [one for one in (*found, _drift(result)) if one is not None]


def _quarter_of_sft(arms: dict[str, ArmResult], rewriter: str) -> Hypothesis:
    rl, expert = arms[rewriter], arms[EXPERT]
    excess = _best(rl, "forgetting").minus(_best(expert, "forgetting"), factor=MOST_LOST)
    task = _best(rl, "task").minus(_best(expert, "task"))
    # How far the score is below the one that is allowed.
    missing = SeedMean.of({seed: -MATCHED_WITHIN - value for seed, value in task.by_seed.items()})
    found = (
        f"at {rl.best:g} and {expert.best:g}: forgetting {signed_points(_best(rl, 'forgetting'))} against "
        f"{signed_points(_best(expert, 'forgetting'))}, minus its quarter {signed_points(excess)}; "
        f"score {signed_points(task)}"
    )
    standing = _all(below_zero(excess), below_zero(missing))
    if nothing_lost(_best(expert, "forgetting")):
        standing, found = "open", f"{found}; plain SFT has forgotten nothing for certain"
    return Hypothesis(
        f"A{REWRITERS[rewriter]}",
        "the RL rewriter forgets at most a quarter of what plain SFT does, at a score of at least SFT's − 1 point",
        "forgetting minus the quarter is above 0, or the score is more than a point below",
        found,
        standing,
        intervals=2,
    )


def _ahead(arms: dict[str, ArmResult], rewriter: str) -> Hypothesis:
    rivals, absent = [arms[name] for name in RIVALS if name in arms], [n for n in RIVALS if n not in arms]
    price = _best(arms[EXPERT], "forgetting")
    leads: dict[str, SeedMean] = {}
    if price.value > 0:
        own = mean_gain(arms[rewriter], price.value)
        leads = {rival.arm: own.minus(mean_gain(rival, price.value)) for rival in rivals}
    # How far the rewriter is behind.
    behind = [below_zero(SeedMean.of({s: -v for s, v in lead.by_seed.items()})) for lead in leads.values()]
    standing = _all(*behind)
    found = "; ".join(f"{name} {signed_points(lead)}" for name, lead in leads.items())
    if absent and standing == "held":
        standing = "open"
    if nothing_lost(price) or not leads:
        standing, found = "open", f"{found or 'none'}; plain SFT has forgotten nothing for certain"
    missing = f"; not measured: {', '.join(absent)}" if absent else ""
    return Hypothesis(
        f"B{REWRITERS[rewriter]}",
        f"it is ahead on the frontier of each of {len(RIVALS)} rivals",
        "the mean gain at equal forgetting is below that of any of them",
        f"its lead in mean gain over prices up to {100 * price.value:.1f} points: {found}{missing}",
        standing,
        intervals=len(leads),
    )


def _importance_sampling(arms: dict[str, ArmResult]) -> Hypothesis:
    task, forgetting = (_best(arms["rl_is"], key).minus(_best(arms["rl"], key)) for key in _AXES)
    return Hypothesis(
        "C",
        "importance sampling with the corrected behaviour distribution helps",
        "the score is lower or the forgetting higher by more than its interval",
        f"at {arms['rl_is'].best:g} and {arms['rl'].best:g}: score {signed_points(task)}, "
        f"forgetting {signed_points(forgetting)}",
        helps(task, forgetting),
        intervals=2,
    )


def _lost_lesson(arms: dict[str, ArmResult]) -> Hypothesis | None:
    """Compare sources by the shares of all their targets that are rewritten and do not name the lesson."""
    plain = [arm for arm in arms.values() if "lesson_named" in arm.source and _is_plain(arm.arm)]
    scores = [_best(arm, "task").value for arm in plain]
    hidden, false = ([_of_targets(arm, way) for arm in plain] for way in ("hidden", "false"))
    both = [h + f for h, f in zip(hidden, false, strict=True)]
    if len(plain) < FEWEST_SOURCES or len(set(both)) < 2 or len(set(scores)) < 2:
        return None
    with_both = float(spearmanr(both, scores).statistic)
    each = [
        f"{name} alone {float(spearmanr(shares, scores).statistic):.2f}"
        for name, shares in (("hidden", hidden), ("false", false))
        if len(set(shares)) > 1
    ]
    return Hypothesis(
        "D1",
        "rewrites that are hidden or false cost lesson score",
        f"the rank correlation of their share with the score is above {-GOES_WITH:g}",
        f"{with_both:.2f} over {len(plain)} sources of targets; {', '.join(each)}",
        "held" if with_both <= -GOES_WITH else "refuted",
        intervals=0,
    )


def _checked_steps(arms: dict[str, ArmResult]) -> Hypothesis:
    return _repairs("D2", "checked steps repair it", arms["rl"], arms["rl_false_steps"])


def _coverage(arms: dict[str, ArmResult]) -> Hypothesis:
    return _repairs("D3", "a term on coverage repairs it", arms["rl_coverage"], arms["rl"])


def _repairs(name: str, text: str, with_it: ArmResult, without: ArmResult) -> Hypothesis:
    task = _best(with_it, "task").minus(_best(without, "task"))
    ways = ", ".join(
        f"{_ways(arm)} ({arm.arm})" for arm in (with_it, without) if "lesson_named" in arm.source
    )
    return Hypothesis(
        name,
        text,
        f"the score of {with_it.arm} is below that of {without.arm}",
        f"score {signed_points(task)}; targets named, hidden, false: {ways or 'not counted'}",
        below_zero(SeedMean.of({seed: -value for seed, value in task.by_seed.items()})),
    )


def _drift(result: StudyResult) -> Hypothesis | None:
    """Compare the two rank correlations seed by seed, without arms that were trained on the general prompts."""
    cells = [c for c in result.cells if "kl_general" in c.metrics and "replay" not in ARMS[c.arm].sft]
    by_seed = {seed: [cell for cell in cells if cell.seed == seed] for seed in result.seeds}
    able = {seed: own for seed, own in by_seed.items() if _varies(own)}
    if not able:
        return None
    general, task = (
        SeedMean.of({seed: _goes_with(own, key) for seed, own in able.items()})
        for key in ("kl_general", "kl")
    )
    difference = general.minus(task)
    return Hypothesis(
        "E",
        "KL on general prompts predicts forgetting better than KL on the task's prompts",
        "its rank correlation with forgetting is the lower one",
        f"rank correlation {general.value:.2f} against {task.value:.2f} over {len(cells)} fine-tunings; difference "
        f"{_interval(difference)}",
        below_zero(task.minus(general)),
    )


_AXES = ("task", "forgetting")


def _best(arm: ArmResult, key: str) -> SeedMean:
    return arm.at(arm.best).metrics[key]


def _is_plain(arm: str) -> bool:
    return not ARMS[arm].sft and not ARMS[arm].accepted_only


def _of_targets(arm: ArmResult, way: str) -> float:
    """Share of all targets that are rewritten and get over the new step in this way."""
    return arm.source["rewritten"].value * arm.source[f"lesson_{way}"].value


def _ways(arm: ArmResult) -> str:
    return "|".join(f"{100 * arm.source[f'lesson_{way}'].value:.0f}" for way in ("named", "hidden", "false"))


def _varies(cells: Sequence[Measurement]) -> bool:
    return len(cells) > 2 and all(
        len({cell.metrics[key] for cell in cells}) > 1 for key in ("kl", "kl_general", "forgetting")
    )


def _goes_with(cells: Sequence[Measurement], key: str) -> float:
    moved, lost = ([cell.metrics[name] for cell in cells] for name in (key, "forgetting"))
    return float(spearmanr(moved, lost).statistic)


def _interval(value: SeedMean) -> str:
    text = f"{value.value:+.2f}"
    return f"{text} [{value.low:+.2f}, {value.high:+.2f}]" if value.has_interval else text


def _all(*parts: Standing) -> Standing:
    """Decide a prediction with several parts: one that is refuted refutes it, and all must hold."""
    if "refuted" in parts:
        return "refuted"
    return "held" if parts and set(parts) == {"held"} else "open"
