"""What a study will take, by hand."""

from pathlib import Path

import pytest

from cluster.planning.machine import Machine
from cluster.planning.memory import Footprint, Memory
from cluster.planning.plan import Plan
from cluster.planning.roles import Role
from rewriter_agent.cli import main
from rewriter_agent.config import load_config
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.experiments.study.forecast import count_work, counts_text, forecast, forecast_text
from rewriter_agent.experiments.study.pilot import Speeds, pilot_config
from rewriter_agent.experiments.study.plan import StudyPlan
from rewriter_agent.experiments.study.stages import fine_tunings_at_a_time
from sft.config.weights import DFTWeight

CONFIG = """
name: s
model: {name_or_path: lab}
data: {source: lab, num_train: 100, num_test: 10}
train: {max_steps: 10, per_device_train_batch_size: 8, gradient_accumulation_steps: 4, num_generations: 8}
rewrite: {num_generations: 4}
sft: {per_device_train_batch_size: 4, num_workers: 1}
study: {seeds: [0, 1], learning_rates: [1.0e-4, 1.0e-3], arms: [expert, best_of_budget, rl, rl_greedy, rl_refresh]}
"""
SPEEDS = Speeds(
    engines_start=20,
    problem_prepared=0.5,
    rewriter_start=60,
    rewriter_step=10,
    rollout=0.25,
    tokens=100,
    processes_start=15,
    fine_tuning=5,
    fine_tuning_step=2,
    evaluation=30,
)


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return StudyPlan.of(load_config(path, [f"output_dir={tmp_path}"]))


def test_counts_by_hand(plan: StudyPlan) -> None:
    found = count_work(plan)
    assert (found.seeds, found.prepared) == (2, 200)
    # `rl` alone is trained; the two others that it writes for take its rewriter.
    assert (found.rewriters, found.rewriter_steps, found.training_rollouts) == (2, 20, 640)
    # best_of_budget 8 a problem (4 and 320 / 100 of training), rl 4, rl_greedy 1.
    assert found.rollouts == 2 * 100 * (8 + 4 + 1)
    assert (found.fine_tunings, found.steps, found.refreshed) == (2 * 5 * 2, 25, 4)


def test_students_count_as_trainings_and_evaluations(plan: StudyPlan) -> None:
    study = plan.config.study
    assert study is not None
    arms = study.model_copy(update={"arms": [*study.arms, "grpo"]})
    more = StudyPlan(plan.config.model_copy(update={"study": arms}), plan.problems)
    found, before = count_work(more), count_work(plan)
    assert (found.students, found.student_steps, found.student_rollouts) == (2, 46, 46 * 32)
    assert (found.rollouts, found.fine_tunings) == (before.rollouts, before.fine_tunings)
    assert forecast(more, SPEEDS, 2)["students"] == 2 * 60 + 46 * 10
    assert forecast(more, SPEEDS, 2)["evaluation"] == 22 * 30 + 2 * 2 * 20
    assert "2 students (1,472 rollouts)" in counts_text(more)
    assert "student" not in counts_text(plan)


def test_answers_for_replay_are_counted_once_per_source_and_seed(plan: StudyPlan) -> None:
    study = plan.config.study
    assert study is not None
    arms = study.model_copy(update={"arms": ["expert", "expert_replay", "rl", "rl_replay"]})
    more = StudyPlan(plan.config.model_copy(update={"study": arms}), plan.problems)
    # The laboratory's 80 prompts, for two sources and two seeds.
    assert count_work(more).replay_rollouts == 80 * 2 * 2
    assert forecast(more, SPEEDS, 2)["rewriting"] == 200 * 0.5 + (2 * 100 * 4 + 320) * 0.25
    assert "320 answers for replay" in counts_text(more)
    assert count_work(plan).replay_rollouts == 0
    assert "replay" not in counts_text(plan)


def test_seconds_by_hand(plan: StudyPlan) -> None:
    found = forecast(plan, SPEEDS, 2)
    assert found["base"] == 20 + 30
    assert found["rewriters"] == 2 * 60 + 20 * 10
    assert found["rewriting"] == 200 * 0.5 + 2600 * 0.25
    # 8 of a seed are not refreshed: 4 rounds of two, 5 s and 25 steps of 2 s each.
    assert found["fine-tuning"] == 2 * 15 + 2 * 4 * (5 + 50)
    # Two parts each: its steps, two starts, half of the problems four times, and the engines.
    assert found["refreshed"] == 4 * (55 + 2 * 60 + 100 / 2 * 4 * 0.25 + 20)
    assert found["evaluation"] == 20 * 30 + 2 * 2 * 20


def test_texts(plan: StudyPlan) -> None:
    text = counts_text(plan)
    assert (
        "2 rewriters of 10 steps (640 rollouts), at most 2,600 rollouts of rewriting, 20 fine-tunings" in text
    )
    lines = forecast_text(plan, SPEEDS, 2).split("\n")
    assert lines[0] == "study, 2 fine-tunings at a time:"
    assert lines[-1].endswith("about 324,000 tokens of rewrites")


def test_the_pilot_is_the_study_in_small(plan: StudyPlan) -> None:
    pilot = pilot_config(plan)
    assert pilot.folder == plan.config.folder / "pilot" / "run"
    assert pilot.data.num_train == 64
    assert pilot.rewrite.strategy == "policy"
    assert pilot.train.num_generations == plan.config.train.num_generations
    assert pilot.evaluate == plan.config.evaluate
    assert pilot.study is None
    weighted = plan.config.sft.model_copy(update={"outcome_weights": {"rewritten": DFTWeight()}})
    changes = {"method": "self_train", "rewrite": RewriteConfig(strategy="self_train"), "sft": weighted}
    of_a_method = StudyPlan(plan.config.model_copy(update=changes), plan.problems)
    assert pilot_config(of_a_method).method == "rewrite"


def test_plan_counts_and_refuses_to_measure_what_is_no_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    assert main(["plan", str(path)]) == 0
    assert "study: 2 rewriters" in capsys.readouterr().out
    assert main(["plan", str(path), "--set", "study=null", "--measure"]) == 2
    assert "no section `study`" in capsys.readouterr().err


@pytest.mark.parametrize(("workers", "expected"), [(1, (8, 1)), (2, (4, 1)), (3, (2, 1)), (8, (1, 1))])
def test_fine_tunings_side_by_side_follow_from_the_machine_alone(
    workers: int, expected: tuple[int, int]
) -> None:
    role = Role("sft", "sft", workers, 1, 1, 0, Footprint(Memory(other=1.0)))
    assert fine_tunings_at_a_time(Plan((role,), (Machine(cpus=8, memory_gb=64),))) == expected
