"""A study: its parts, its numbers over seeds, its table and page."""

import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.config.arms import ARMS, SOURCES
from rewriter_agent.config.method import Method
from rewriter_agent.evaluate.seed_mean import SeedMean
from rewriter_agent.experiments.results import Measurement
from rewriter_agent.experiments.study.comparison import arm_results
from rewriter_agent.experiments.study.files import write_files
from rewriter_agent.experiments.study.hypotheses import hypotheses
from rewriter_agent.experiments.study.methods import ARM_OF, methods_study
from rewriter_agent.experiments.study.page import write_page
from rewriter_agent.experiments.study.plan import StudyPlan
from rewriter_agent.experiments.study.premise import predictions, premise
from rewriter_agent.experiments.study.results import StudyResult, read_study
from rewriter_agent.experiments.study.stages import SOURCE_STAGES, cell_stage
from rewriter_agent.experiments.study.table import study_markdown, study_table
from rewriter_agent.experiments.study.verdict import differences, study_verdict
from rewriter_agent.io.files import write_json
from rewriter_agent.pipeline import REPLAY, REWRITE, TRAIN
from sft.config.replay import ReplaySection

BASE = """
name: s
model: {name_or_path: lab}
data: {source: lab, num_train: 100, num_test: 10}
train: {max_steps: 10, per_device_train_batch_size: 8, gradient_accumulation_steps: 4, num_generations: 8}
rewrite: {num_generations: 4}
reward: {judge: true, alignment_weight: 2.0, min_reasoning_words: 5}
sft: {per_device_train_batch_size: 4, num_workers: 1, weight: {kind: dft}, sweep: {seeds: [1]}}
"""


STUDENTS = ("grpo", "grpo_false_steps", "sdft")


def make(tmp_path: Path, study: str) -> RunConfig:
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    return load_config(path, [f"output_dir={tmp_path}", f"study={study}"])


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    return StudyPlan.of(make(tmp_path, "{seeds: [3, 4], learning_rates: [1e-4, 2e-4]}"))


def test_every_arm_has_a_source_and_every_source_an_arm() -> None:
    assert {arm.source for arm in ARMS.values()} == SOURCES.keys()
    assert all(source.rewriter is None or source.rewriter in SOURCES for source in SOURCES.values())


def test_cells_are_the_product_and_no_two_share_a_folder(plan: StudyPlan) -> None:
    found = [cell for seed in plan.study.seeds for cell in plan.cells(seed)]
    # Two rates and two seeds; a student has the one rate of its training.
    assert (
        len(found)
        == len({cell.folder for cell in found})
        == (len(ARMS) - len(STUDENTS)) * 2 * 2 + len(STUDENTS) * 2
    )
    assert {cell.config.seed for cell in plan.cells(4)} == {4}
    # The problems and the measurements are the same for all.
    assert {cell.config.data.model_dump_json() for cell in found} == {plan.config.data.model_dump_json()}
    assert {cell.config.evaluate.seed for cell in found} == {0}


def test_every_fine_tuning_takes_the_same_steps(plan: StudyPlan) -> None:
    assert {cell.config.sft.max_steps for cell in plan.cells(3)} == {25}


def test_weights_and_rates_are_those_of_the_arm(plan: StudyPlan) -> None:
    found = {cell.arm: cell.config.sft for cell in plan.cells(3) if cell.learning_rate == 1e-4}
    # No arm uses the config's own weight.
    assert {name: sft.weight.kind for name, sft in found.items() if sft.weight.kind != "none"} == {
        "dft": "dft",
        "eaft": "eaft",
        "low_perplexity_mask": "low_perplexity_mask",
        "prior": "prior",
        "rl_prior_ratio": "prior_ratio",
        **{
            f"{name}_is": "token_is"
            for name in ("mind_the_gap", "best_of_k", "best_of_budget", "rl", "rl_paper")
        },
    }
    masked = {
        name: sft.outcome_weights["expert_fallback"].kind
        for name, sft in found.items()
        if sft.outcome_weights
    }
    assert masked == dict.fromkeys(
        ("mind_the_gap_mask", "best_of_budget_mask", "rl_mask", "rl_many_mask"), "low_perplexity_mask"
    )
    assert {name for name, sft in found.items() if sft.lora} == {"expert_lora"}
    assert found["expert_lora"].learning_rate == pytest.approx(1e-3)
    assert {name for name, sft in found.items() if sft.wise_ft_alpha} == {"wise_ft"}
    assert found["expert_small_rate"].learning_rate == pytest.approx(1e-5)
    assert found["rl_refresh"].refresh is not None
    assert found["rl_refresh"].refresh.steps == 13
    assert all(sft.sweep is None for sft in found.values())


def test_the_blind_rewriter_sees_no_answer(plan: StudyPlan) -> None:
    shown = {source: plan.source_config(source, 3).prompts.show_answer for source in ("rl", "rl_blind")}
    assert shown == {"rl": True, "rl_blind": False}


def test_the_old_gate_is_the_only_difference_of_its_arms(plan: StudyPlan) -> None:
    ending = "_false_steps"
    cells = {cell.arm: cell for cell in plan.cells(3)}
    with_it = {name.removesuffix(ending) for name in cells if name.endswith(ending)}
    for name in with_it:
        plain, old = (cells[arm].config for arm in (name, name + ending))
        assert (plain.reward.false_step, old.reward.false_step) == ("gate", "measure")
        assert old.model_copy(update={"name": plain.name, "reward": plain.reward}) == plain
    assert with_it == {"mind_the_gap", "best_of_budget", "self_train", "grpo", "rl", "accepted_only"}


def test_best_of_n_has_the_rollouts_of_the_rl_rewriter(plan: StudyPlan) -> None:
    # 10 steps of 32 candidates on 100 problems are 3.2 a problem, and 4 are written.
    assert plan.source_config("best_of_budget", 3).rewrite.num_generations == 4 + 4
    assert plan.source_config("self_train", 3).rewrite.num_generations == 4 + 4
    assert plan.source_config("self_train_unverified", 3).rewrite.rollouts == [1]
    assert plan.source_config("best_of_k", 3).rewrite.num_generations == 4
    assert plan.source_config("rl", 3).rewrite.num_generations == 4


def test_sources_differ_in_what_they_are_named_for(plan: StudyPlan) -> None:
    plain = plan.source_config("rl", 3)
    assert plain.reward == plan.config.reward
    assert plain.rewrite.strategy == "policy"
    paper = plan.source_config("rl_paper", 3).reward
    assert (paper.alignment, paper.diversity, paper.alignment_weight) == ("paper", "paper", 0.35)
    assert paper.min_reasoning_words == 0
    assert paper.judge, "the config's"
    assert plan.source_config("rl_no_alignment", 3).reward.alignment_weight == 0
    assert plan.source_config("rl_no_diversity", 3).reward.diversity_weight == 0
    assert plan.source_config("rl_typicality", 3).reward.alignment == "typicality"
    greedy = plan.source_config("rl_greedy", 3).rewrite
    assert greedy.temperature == 0
    assert greedy.rewriter == plan.source_config("rl", 3).folder / "train"
    many = plan.source_config("rl_many_no_diversity", 3).rewrite
    assert many.rewriter == plan.source_config("rl_no_diversity", 3).folder / "train"
    assert (many.num_targets, many.select) == (4, "diverse")


def test_methods_are_arms(plan: StudyPlan) -> None:
    methods = {cell.arm: cell.config.method for cell in plan.cells(3)}
    assert {arm: method for arm, method in methods.items() if method != "rewrite"} == {
        "accepted_only": "accepted_only",
        "accepted_only_false_steps": "accepted_only",
        "self_train": "self_train",
        "self_train_false_steps": "self_train",
        "self_train_unverified": "self_train",
        "grpo": "grpo",
        "grpo_false_steps": "grpo",
        "sdft": "sdft",
    }
    cells = {cell.arm: cell for cell in plan.cells(3)}
    rl, accepted = cells["rl"], cells["accepted_only"]
    # One rewriting, two kinds of rows.
    assert REWRITE.fingerprint(rl.config) == REWRITE.fingerprint(accepted.config)
    assert rl.config.folder == accepted.config.folder
    assert not any(TRAIN.wanted(cells[arm].config) for arm in ("self_train", "self_train_unverified"))


def test_compared_methods_are_a_study_at_equal_rollouts(tmp_path: Path) -> None:
    make(tmp_path, "null")
    assert ARM_OF.keys() == set(get_args(Method))
    for method in ARM_OF:
        changes = [f"method={method}", "sft.sweep=null", "seed=7", f"output_dir={tmp_path}"]
        given = load_config(tmp_path / "config.yaml", changes)
        plan = StudyPlan.of(methods_study(given, list(ARM_OF)))
        assert plan.config.folder == given.folder / "methods"
        assert [(cell.arm, cell.config.method, cell.seed) for cell in plan.cells(7)] == [
            ("expert", "rewrite", 7),
            *((ARM_OF[name], name, 7) for name in ARM_OF),
        ]
        # 4 a problem and 10 steps of 32.
        work = {cell.arm: cell.config for cell in plan.cells(7)}
        assert work["rl"].rewrite.num_generations * 100 + 10 * 32 == 720
        assert work["self_train"].rewrite.num_generations == 8
        assert {work[name].train.max_steps * 32 for name in ("grpo", "sdft")} == {736}


def test_replay_is_the_only_difference_of_its_arms(tmp_path: Path, plan: StudyPlan) -> None:
    cells = {cell.arm: cell for cell in plan.cells(3)}
    for name in ("expert", "rl"):
        plain, replayed = cells[name], cells[f"{name}_replay"]
        assert replayed.config.sft.replay == ReplaySection(share=0.05, source="own", path=None)
        assert replayed.config.sft.model_copy(update={"replay": None}) == plain.config.sft
        assert replayed.config.folder == plain.config.folder
        assert REPLAY in cell_stage(replayed).before(replayed.config)
        assert cell_stage(plain).fingerprint(plain.config) != cell_stage(replayed).fingerprint(
            replayed.config
        )
    assert {name for name, cell in cells.items() if cell.config.sft.replay} == {"expert_replay", "rl_replay"}
    config = make(tmp_path, "{arms: [expert, expert_replay]}")
    config = config.model_copy(
        update={"sft": config.sft.model_copy(update={"replay": ReplaySection(share=0.2)})}
    )
    assert [
        cell.config.sft.replay and cell.config.sft.replay.share for cell in StudyPlan.of(config).cells(0)
    ] == [None, None, None, 0.2, 0.2, 0.2]


def test_a_replay_file_that_is_missing_is_named_before_any_work(tmp_path: Path) -> None:
    config = make(tmp_path, "{arms: [expert, expert_replay]}")
    missing = ReplaySection(path=tmp_path / "none.jsonl")
    with pytest.raises(ValueError, match=r"sft.replay.path: there is no file"):
        StudyPlan.of(config.model_copy(update={"sft": config.sft.model_copy(update={"replay": missing})}))


@pytest.mark.parametrize("arm", STUDENTS)
def test_a_student_has_the_rollouts_of_the_rl_rewriter_and_one_cell_a_seed(plan: StudyPlan, arm: str) -> None:
    (cell,) = [cell for cell in plan.cells(3) if cell.arm == arm]
    # 10 steps of 32 are 320, and 4 for each of 100 problems are 400: 720 are 22.5 steps.
    assert cell.config.train.max_steps == 23
    assert cell.learning_rate == plan.config.train.learning_rate
    assert cell.is_student
    assert not any(other.is_student for other in plan.cells(3) if other.arm not in STUDENTS)
    assert [stage.name for stage in SOURCE_STAGES if stage.wanted(cell.config)] == ["prepare", "student"]
    assert cell_stage(cell).inputs(cell.config).keys() == {"student"}
    # What fine-tuning reads is nothing to it.
    other = cell.config.model_copy(update={"sft": cell.config.sft.model_copy(update={"max_steps": 7})})
    assert cell_stage(cell).fingerprint(other) == cell_stage(cell).fingerprint(cell.config)


def test_a_study_of_a_config_that_fine_tunes_otherwise_has_students(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BASE.replace("sweep: {seeds: [1]}", "refresh: {steps: 3}"))
    config = load_config(path, ["study={arms: [expert, grpo, sdft]}", "rewrite.keep_gap=0.1"])
    # Options of GRPO stay with the arms that read them.
    config = config.model_copy(update={"train": config.train.model_copy(update={"beta": 0.1})})
    assert StudyPlan.of(config).source_config("grpo", 0).train.beta == 0.1
    assert StudyPlan.of(config).source_config("sdft", 0).train.beta == 0
    assert StudyPlan.of(config).source_config("grpo", 0).sft.refresh is None


def test_a_rewriter_is_made_for_the_arms_that_use_it_even_if_its_own_is_left_out(tmp_path: Path) -> None:
    plan = StudyPlan.of(make(tmp_path, "{arms: [expert, rl_greedy]}"))
    assert plan.sources == ["expert", "rl", "rl_greedy"]


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("{arms: [expert, best]}", "no arm is called best; choose among expert, "),
        ("{arms: [rl]}", "every arm is compared with expert, which is not among the arms; add it"),
        ("{seeds: []}", "at least 1 item"),
        ("{seeds: [1, 1]}", "1 is there twice"),
        ("{learning_rates: [-1.0]}", "-1 is no learning rate"),
        (
            "{learning_rate: [1e-4]}",
            "unknown config key 'study.learning_rate'; did you mean 'learning_rates'",
        ),
        ("{small_rate: 2}", "study.small_rate: Input should be less than 1"),
    ],
)
def test_a_wrong_study_is_refused(tmp_path: Path, study: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make(tmp_path, study)


def test_a_config_without_the_section_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a section `study`"):
        StudyPlan.of(make(tmp_path, "null"))


def test_an_arm_that_the_other_options_forbid_is_refused_before_any_work(tmp_path: Path) -> None:
    config = make(tmp_path, "{num_targets: 5}")
    with pytest.raises(ValueError, match="num_targets=5 asks for more targets than the 4 candidates"):
        StudyPlan.of(config)


def cell(arm: str, rate: float, seed: int, task: float, forgetting: float) -> Measurement:
    return Measurement(
        arm,
        seed,
        {
            "task": task,
            "task_lenient": task,
            "avg@2": task,
            "gain": task - 0.6,
            "retention": 0.9 - forgetting,
            "retention/lab_sort": 0.9 - forgetting,
            "forgetting": forgetting,
            "lost": 0.1,
            "gained": 0.0,
            "finished": 1.0,
            "kl": 0.5,
            "nll": 0.7,
        },
        rate,
    )


CELLS = [
    cell("expert", 1e-4, 0, 0.40, 0.10),
    cell("expert", 1e-4, 1, 0.50, 0.20),
    cell("expert", 1e-3, 0, 0.10, 0.30),
    cell("expert", 1e-3, 1, 0.20, 0.30),
    cell("rl", 1e-4, 0, 0.45, 0.06),
    cell("rl", 1e-4, 1, 0.43, 0.04),
    cell("rl", 1e-3, 0, 0.50, 0.08),
    cell("rl", 1e-3, 1, 0.70, 0.08),
    cell("dft", 1e-4, 0, 0.20, 0.02),
    cell("dft", 1e-4, 1, 0.20, 0.02),
    cell("dft", 1e-3, 0, 0.30, 0.04),
    cell("dft", 1e-3, 1, 0.30, 0.04),
]
SOURCE = Measurement("rl", 0, {"rewritten": 0.9, "accepted": 0.5, "rollouts": 400, "training_rollouts": 320})


def result() -> StudyResult:
    base = {"task": 0.6, "task_lenient": 0.6, "avg@2": 0.5, "retention": 0.9, "retention/lab_sort": 0.9}
    full = {**SOURCE.metrics, "logprob": -0.3, "generated_tokens": 9, "seconds": 3.0}
    curves = {term: [(1, 0.5), (2, 0.6)] for term in ("gate", "alignment", "diversity", "total")}
    sources = [Measurement("rl", seed, full, curves=curves) for seed in (0, 1)]
    arms = arm_results(["expert", "dft", "rl"], CELLS, sources)
    return StudyResult("<s>", "a: <b>", [0, 1], base, arms, CELLS, sources, {"base": 60.0, "seed 0": 61.0})


def test_an_arm_is_compared_at_the_least_forgetting_of_those_that_reach_the_task_score_of_sft() -> None:
    expert, dft, rl = result().arms
    # SFT's best is 45 % at 1e-4; 44 % at 1e-4 is at most a point below it, and forgets less than 60 % at 1e-3.
    assert (expert.best, expert.matched) == (1e-4, 1e-4)
    assert (rl.best, rl.matched) == (1e-3, 1e-4)
    # Never as good: at its best.
    assert (dft.best, dft.matched) == (1e-3, None)
    assert dft.chosen.learning_rate == 1e-3


def test_differences_are_paired_by_seed() -> None:
    expert, dft, rl = result().arms
    assert expert.against == {}
    difference = rl.against["expert"]["forgetting"]
    assert difference.by_seed == pytest.approx({0: -0.04, 1: -0.16})
    assert difference.value == pytest.approx(-0.10)
    found = SeedMean.of({0: -0.04, 1: -0.16})
    assert (difference.low, difference.high) == pytest.approx((found.low, found.high))
    assert dft.against["expert"]["task"].value == pytest.approx(0.3 - 0.45)


def test_points_are_compared_at_the_same_rate() -> None:
    rl = result().arms[2]
    assert rl.at(1e-3).against["expert"]["forgetting"].by_seed == pytest.approx({0: -0.22, 1: -0.22})
    assert rl.at(1e-4).against["expert"]["task"].by_seed == pytest.approx({0: 0.05, 1: -0.07})


def test_means_and_costs_by_hand() -> None:
    rl = result().arms[2]
    assert rl.at(1e-3).metrics["task"].value == pytest.approx(0.6)
    assert rl.at(1e-3).metrics["task"].by_seed == {0: 0.5, 1: 0.7}
    assert rl.source["rollouts"].value == 400


def test_the_table_has_a_line_for_each_arm_and_rate() -> None:
    table = study_table(result()).split("\n")[:8]
    assert len({len(line) for line in table}) == 1
    line = next(line for line in table if line.startswith("rl ") and "*0.0001" in line)
    assert "44.0" in line
    # Training counts.
    assert line.split()[-3:] == ["720", "9", "–"]
    assert "**0.0001**" in study_markdown(result())


def test_a_student_is_in_the_table_and_on_the_page_with_its_cost(tmp_path: Path) -> None:
    cells = [*CELLS, *(cell("grpo", 1e-5, seed, 0.6, 0.01) for seed in (0, 1))]
    cost = {"training_rollouts": 736, "training_tokens": 9000, "training_seconds": 60.0}
    sources = [*result().sources, *(Measurement("grpo", seed, cost) for seed in (0, 1))]
    arms = arm_results(["expert", "rl", "grpo"], cells, sources)
    found = replace(result(), arms=arms, cells=cells, sources=sources)
    line = next(line for line in study_table(found).split("\n") if line.startswith("grpo"))
    assert "*1e-05" in line
    assert line.split()[-3:] == ["736", "9,000", "–"]
    assert arms[2].against["expert"]["task"].value == pytest.approx(0.6 - 0.45)
    write_page(tmp_path / "study.html", found)
    assert "GRPO student at equal rollouts" in (tmp_path / "study.html").read_text()


def test_answers_for_replay_are_among_the_rollouts() -> None:
    replayed = [
        replace(one, metrics=one.metrics | {"replay_rollouts": 80})
        for arm in ("expert_replay", "rl_replay")
        for one in (cell(arm, 1e-4, seed, 0.5, 0.1) for seed in (0, 1))
    ]
    arms = arm_results(["expert", "expert_replay", "rl_replay"], [*CELLS, *replayed], result().sources)
    table = study_table(replace(result(), arms=arms)).split("\n")
    ends = {line.split()[0]: line.split()[-3] for line in table[2:6]}
    assert ends == {"expert": "–", "expert_replay": "80", "rl_replay": "800"}


def test_hypotheses_stand_as_the_numbers_say() -> None:
    found = {h.name: h for h in hypotheses(result())}
    # Half of SFT's 10 and 20 points is 5 and 10; the rewriter's are 6 and 4.
    assert found["H1"].standing == "open"
    assert found["H1"].found == (
        "+5.0 [−7.7, +17.7] against +15.0 [−48.5, +78.5]; minus its half −2.5 [−47.0, +42.0]; "
        "plain SFT has forgotten nothing for certain, so that there is no half"
    )
    # One KL for all: no correlation.
    assert found.keys() == {"H1"}


def test_there_is_no_half_of_nothing() -> None:
    cells = [
        cell(arm, 1e-4, seed, 0.5, forgetting)
        for arm, forgettings in (("expert", (-0.02, 0.0)), ("rl", (-0.05, -0.06)))
        for seed, forgetting in enumerate(forgettings)
    ]
    found = hypotheses(replace(result(), arms=arm_results(("expert", "rl"), cells, []), cells=cells))[0]
    assert (found.name, found.standing) == ("H1", "open")
    assert found.found.endswith("plain SFT has forgotten nothing for certain, so that there is no half")


@pytest.mark.parametrize(
    ("rl", "other", "standing"),
    [
        ((0.020, 0.021), (0.060, 0.062), "held"),
        ((0.060, 0.062), (0.020, 0.021), "refuted"),
        ((0.02, 0.03), (0.06, 0.08), "open"),
    ],
)
def test_a_difference_counts_where_its_interval_is_on_one_side(
    rl: tuple[float, float], other: tuple[float, float], standing: str
) -> None:
    cells = [
        cell(arm, 1e-4, seed, 0.5, values[seed])
        for arm, values in (("expert", (0.2, 0.2)), ("rl", rl), ("best_of_budget", other))
        for seed in (0, 1)
    ]
    arms = arm_results(["expert", "rl", "best_of_budget"], cells, [])
    found = hypotheses(replace(result(), arms=arms, cells=cells))
    assert {h.name: h.standing for h in found}["H2"] == standing


@pytest.mark.parametrize(
    ("with_term", "standing"),
    [((0.60, 0.61), "held"), ((0.20, 0.21), "refuted"), ((0.6, 0.7), "refuted"), ((0.7,), "open")],
)
def test_diversity_that_is_not_seen_to_matter_is_refuted_but_not_by_one_seed(
    with_term: tuple[float, ...], standing: str
) -> None:
    names = ("expert", "rl_many", "rl_many_no_diversity")
    without = (0.5,) * len(with_term)
    cells = [
        cell(arm, 1e-4, seed, task, 0.1)
        for arm, scores in zip(names, (without, with_term, without), strict=True)
        for seed, task in enumerate(scores)
    ]
    found = hypotheses(replace(result(), arms=arm_results(names, cells, []), cells=cells))
    assert {h.name: h.standing for h in found}["H4"] == standing


@pytest.mark.parametrize(
    ("rl", "standing"), [((0.60, 0.61), "held"), ((0.20, 0.21), "refuted"), ((0.6, 0.7), "open")]
)
def test_masked_arms_are_compared_by_their_task_scores(rl: tuple[float, float], standing: str) -> None:
    names = ("expert", "rl_mask", "best_of_budget_mask")
    cells = [
        cell(arm, 1e-4, seed, task, 0.1)
        for arm, scores in zip(names, ((0.1, 0.1), rl, (0.5, 0.5)), strict=True)
        for seed, task in enumerate(scores)
    ]
    found = hypotheses(replace(result(), arms=arm_results(names, cells, []), cells=cells))
    assert {h.name: h.standing for h in found}["H7"] == standing


def test_forgetting_that_follows_kl_is_seen() -> None:
    moved = [replace(c, metrics=c.metrics | {"kl": c.metrics["forgetting"] ** 2}) for c in CELLS]
    found = {h.name: h for h in hypotheses(replace(result(), cells=moved))}
    assert found["H6"].standing == "held"
    assert found["H6"].found == "rank correlation 1.00 over 12 fine-tunings"


def test_the_verdict_names_both_and_the_differences_say_how_sure() -> None:
    assert study_verdict(result()) == (
        "Fine-tuned on the RL rewriter's targets the model scores 44.0 % on the task (base 60.0 %) and 85.0 "
        "% on what it could do before (base 90.0 %). SFT on expert solutions: 45.0 % and 75.0 %."
    )
    assert differences(result()) == (
        "Over 2 seeds the RL rewriter's model scores 1.0 points lower (−77.2 to +75.2, which may be chance) and "
        "forgets 10.0 points less (−86.2 to +66.2, which may be chance) than SFT on expert solutions."
    )


@pytest.mark.parametrize(
    "values",
    [(0.1, 0.2, 0.1), (0.1, 0.2, -0.1), (-0.3, -0.2, -0.2, -0.4), (0.0, 0.1), (0.0, 0.0), (0.2, 0.2)],
)
def test_differences_say_chance_if_and_only_if_the_interval_includes_0(values: tuple[float, ...]) -> None:
    mean = SeedMean.of(dict(enumerate(values)))
    found = result()
    rl = replace(found.arms[2], against={"expert": {"task": mean, "forgetting": mean}})
    text = differences(replace(found, arms=[*found.arms[:2], rl]))
    assert text is not None
    assert text.count("may be chance") == 2 * (mean.low <= 0 <= mean.high)


def test_a_study_without_the_rl_rewriter_says_so() -> None:
    found = result()
    without = StudyResult(**{**vars(found), "arms": found.arms[:2]})
    assert "no RL rewriter" in study_verdict(without)
    assert differences(without) is None


def test_a_file_has_a_line_for_each_measurement(tmp_path: Path) -> None:
    found = result()
    write_files(tmp_path, found)
    lines = (tmp_path / "study.json").read_text().splitlines()
    several = [found.arms, found.cells, found.sources]
    assert len(lines) == 2 + len(fields(StudyResult)) + sum(len(part) + 1 for part in several)


def test_the_picture_stands_alone(tmp_path: Path) -> None:
    write_files(tmp_path, result())
    picture = ElementTree.parse(tmp_path / "frontiers.svg").getroot()
    style = picture.findtext("{http://www.w3.org/2000/svg}style")
    assert style is not None
    used = set(re.findall(r"var\((--\w+)\)", ElementTree.tostring(picture, encoding="unicode")))
    assert {f"{name}:" for name in used} <= set(style.split())


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    write_json(tmp_path / "indented.json", asdict(result()))
    write_files(tmp_path, result())
    assert read_study(tmp_path / "study.json") == read_study(tmp_path / "indented.json") == result()


def test_the_page_shows_every_arm_and_escapes(tmp_path: Path) -> None:
    write_page(tmp_path / "study.html", result())
    page = (tmp_path / "study.html").read_text()
    assert "<script" not in page
    assert "&lt;s&gt;" in page
    assert page.count("<svg") == 2 + 4
    for text in ("SFT on expert solutions", "RL rewriter", "DFT on expert solutions †"):
        assert text in page
    numbers: dict[str, Any] = json.loads(json.dumps(asdict(result())))
    assert len(numbers["arms"]) == 3


@pytest.mark.parametrize(
    ("base", "gain", "loss", "right", "standings"),
    [
        (0.05, (0.5, 0.52), (0.1, 0.11), 0.2, ["held", "held", "held", "held"]),
        (0.1, (0.3, 0.32), (0.04, 0.04), 0.6, ["refuted", "refuted", "refuted", "refuted"]),
        (0.0, (0.4, 0.41), (0.0, 0.2), 0.1, ["held", "held", "open", "held"]),
        (0.0, (0.4,), (0.1,), 0.05, ["held", "held", "open", "refuted"]),
    ],
)
def test_the_premise_of_lessons_stands_as_the_numbers_say(
    base: float, gain: tuple[float, ...], loss: tuple[float, ...], right: float, standings: list[str]
) -> None:
    cells = [
        Measurement("expert", seed, {"task": base + g, "gain": g, "forgetting": f}, 1e-3)
        for seed, (g, f) in enumerate(zip(gain, loss, strict=True))
    ]
    cells += [replace(cell, arm="best_of_k") for cell in cells]
    sources = [Measurement("best_of_k", 0, {"right": right, "accepted": 0.02})]
    arms = arm_results(["expert", "best_of_k"], cells, sources)
    found = StudyResult("s", "data: {task: lessons}", [0, 1], {"task": base}, arms, cells, sources, {})
    assert [part.standing for part in premise(found)] == standings
    assert [part.name for part in premise(found)] == ["P1", "P2", "P3", "P4"]
    assert predictions(found)[:4] == premise(found)
    # Other studies have none.
    assert (
        predictions(replace(found, config="data: {task: stories}"))
        == predictions(replace(found, config="a: b"))
        == []
    )
