"""Parts of a study that were done apart."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig, dump_config, load_config
from rewriter_agent.experiments.results import Measurement
from rewriter_agent.experiments.study.comparison import arm_results
from rewriter_agent.experiments.study.join import join_studies, joined
from rewriter_agent.experiments.study.results import StudyResult, read_study
from rewriter_agent.io.files import write_json

BASE = """
name: s
model: {name_or_path: lab}
data: {source: lab, num_train: 100, num_test: 10}
study: {learning_rates: [1e-4], arms: [expert, rl]}
"""
SCORES = {("expert", 0): 0.4, ("expert", 1): 0.2, ("rl", 0): 0.5, ("rl", 1): 0.6, ("rl_greedy", 1): 0.3}


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return config_with(tmp_path)


def config_with(tmp_path: Path, *overrides: str) -> RunConfig:
    path = tmp_path / "config.yaml"
    path.write_text(BASE)
    return load_config(path, [f"output_dir={tmp_path}", *overrides])


def part(config: RunConfig, seed: int, arms: tuple[str, ...]) -> StudyResult:
    """What `study` would have left of one seed."""
    cells = [
        Measurement(
            arm,
            seed,
            {"task": SCORES[arm, seed], "avg@2": 0.5, "retention": 0.9}
            | dict.fromkeys(
                ("gain", "forgetting", "lost", "gained", "task_lenient", "finished", "nll", "kl"), 0.1
            ),
            1e-4,
        )
        for arm in arms
    ]
    costs = {
        "rewritten": 0.9,
        "rollouts": 100 * (seed + 1),
        "logprob": -0.3,
        "generated_tokens": 9,
        "seconds": 3,
    }
    sources = [Measurement("rl", seed, costs)]
    base = {"task": 0.6, "avg@2": 0.5, "retention": 1.0}
    found = arm_results(arms, cells, sources)
    return StudyResult(
        "part", dump_config(config), [seed], base, found, cells, sources, {"base": 60.0, f"seed {seed}": 9.0}
    )


def written(folder: Path, result: StudyResult) -> Path:
    path = folder / "study.json"
    write_json(path, asdict(result))
    return path


def test_seeds_of_two_machines_are_one_table(tmp_path: Path, config: RunConfig) -> None:
    there = config_with(tmp_path, "name=other", "study.seeds=[1]", "cluster.engines=7", "study.arms=[expert]")
    paths = [
        written(tmp_path / "a", part(config, 0, ("expert", "rl"))),
        written(tmp_path / "b", part(there, 1, ("expert", "rl", "rl_greedy"))),
    ]
    table = join_studies(config, paths)
    found = read_study(config.folder / "study.json")
    assert (found.name, found.seeds, [arm.arm for arm in found.arms]) == ("s", [0, 1], ["expert", "rl"])
    expert, rl = (arm.points[0].metrics["task"] for arm in found.arms)
    assert expert.by_seed == {0: 0.4, 1: 0.2}
    assert rl.value == pytest.approx(0.55)
    assert found.arms[1].source["rollouts"].by_seed == {0: 100, 1: 200}
    assert found.arms[1].against["expert"]["task"].by_seed == pytest.approx({0: 0.1, 1: 0.4})
    assert found.seconds == {"base": 120.0, "seed 0": 9.0, "seed 1": 9.0}
    assert "55.0 [-8.5, 118.5]" in table
    assert {path.name for path in config.folder.iterdir()} >= {"study.html", "study.md"}


def test_joined_lessons_are_compared_by_the_rule_of_lessons(tmp_path: Path, config: RunConfig) -> None:
    lessons = config_with(tmp_path, "data={source: lab, task: lessons, num_train: 100, num_test: 10}")
    rules = [
        {arm.rule for arm in joined(own, ["expert", "rl"], [part(own, 0, ("expert", "rl"))]).arms}
        for own in (config, lessons)
    ]
    assert rules == [{"matched"}, {"best"}]


def test_what_two_parts_have_is_the_first_ones(config: RunConfig) -> None:
    first = part(config, 1, ("expert", "rl"))
    other = part(config, 1, ("expert", "rl_greedy"))
    other = replace(
        other, cells=[replace(cell, metrics=cell.metrics | {"task": 0.0}) for cell in other.cells]
    )
    found = joined(config, ["expert", "rl", "rl_greedy"], [first, other])
    assert {c.arm: c.metrics["task"] for c in found.cells} == {"expert": 0.2, "rl": 0.6, "rl_greedy": 0.0}
    assert len(found.sources) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sft.num_train_epochs=3", "sft.num_train_epochs is 3"),
        ("study.learning_rates=[1e-4, 2e-4]", "study.learning_rates is"),
        ("seed=5", "seed is 5 there and 0 here"),
    ],
)
def test_another_study_is_refused(tmp_path: Path, config: RunConfig, override: str, message: str) -> None:
    path = written(tmp_path / "a", part(config_with(tmp_path, override), 0, ("expert", "rl")))
    with pytest.raises(ValueError, match="is of another study") as error:
        join_studies(config, [path])
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_part_may_be_older_than_an_option(tmp_path: Path, config: RunConfig) -> None:
    old = part(config, 0, ("expert", "rl"))
    text = old.config.replace("  min_reasoning_words: 3\n", "")
    assert text != old.config
    join_studies(config, [written(tmp_path / "a", replace(old, config=text))])


def test_a_part_with_an_option_that_is_gone_is_named(tmp_path: Path, config: RunConfig) -> None:
    newer = part(config, 0, ("expert", "rl"))
    path = written(tmp_path / "a", replace(newer, config=newer.config + "later: 1\n"))
    with pytest.raises(ValueError, match=r"options that are none here.*later") as error:
        join_studies(config, [path])
    assert str(path) in str(error.value)


def test_a_part_is_not_overwritten(config: RunConfig) -> None:
    path = written(config.folder, part(config, 0, ("expert", "rl")))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="--set name=s-joined"):
        join_studies(config, [path])
    assert path.read_bytes() == before


def test_what_is_no_part_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_with(tmp_path)
    (tmp_path / "no.json").write_text("{}")
    for name, reason in {
        "no.json": "no.json cannot be read as the study.json of a study",
        "missing.json": "--join: there is no file '",
        ".": "is a folder, not a file",
    }.items():
        arguments = ["study", str(tmp_path / "config.yaml"), "--join", str(tmp_path / name)]
        assert main(arguments) == 2
        assert reason in capsys.readouterr().err
