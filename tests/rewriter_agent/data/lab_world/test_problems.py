"""The laboratory as a data source and as what a run starts from."""

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.config.data import LabData
from rewriter_agent.data.lab_world.drawing import stories
from rewriter_agent.data.lab_world.story import APPLY
from rewriter_agent.data.lab_world.styles import EXPERT_STYLES, NATURAL, solution, style_of
from rewriter_agent.data.lab_world.version import LESSONS_VERSION, WORLD_VERSION, lessons_hash, world_hash
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.lab import LAB, LAB_FOLDERS
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.runtime.fingerprints import WORLD, input_hashes

EXPERTS = ", ".join(EXPERT_STYLES)
CONFIG = "name: r\nmodel: {}\ndata: {source: lab}\n"


def config_of(**data: Any) -> RunConfig:
    return RunConfig.model_validate({"name": "r", "model": {}, "data": {"source": "lab", **data}})


@pytest.mark.parametrize("style", EXPERT_STYLES)
def test_problems_are_as_the_config_says(style: str) -> None:
    config = LabData(num_train=30, num_test=20, seed=1, style=style, steps=(2, 3), largest=50, start=(4, 9))
    problems = load_problems(config)
    assert (len(problems.train), len(problems.test)) == (30, 20)
    assert problems.counts == {"train": 30, "test": 20}
    for problem in problems.train + problems.test:
        assert style_of(problem.solution) == style
        assert problem.solution.endswith(f"#### {problem.answer}")
        first, *operands = [int(number) for number in re.findall(r"\d+", problem.question)]
        assert 4 <= first <= 9
        assert len(operands) in (2, 3)
        assert max(first, *operands, int(problem.answer)) <= 50
    assert load_problems(config) == problems
    assert load_problems(config.model_copy(update={"seed": 2})) != problems


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "data.style=baroque",
            f"data.style: no expert writes like that; choose one of {EXPERTS} (got 'baroque')",
        ),
        ("data.style=natural", f"choose one of {EXPERTS}"),
        ("data.steps=[4, 2]", "steps is (4, 2); give a range from 1 to 8, the smaller number first"),
        ("data.start=[3, 300]", "start is (3, 300) and largest 199; give 2 <= start <= largest - 1"),
        ("data.num_test=0", "data.num_test: Input should be greater than 0"),
        ("data.largst=9", "unknown config key 'data.largst'; did you mean 'largest'?"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(tmp_path: Path, override: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(CONFIG)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_config(path, [override])


def test_too_few_different_problems() -> None:
    with pytest.raises(ValueError, match=r"900 different items of the part 'train' .* ask for fewer"):
        load_problems(LabData(num_train=900, num_test=1, steps=(1, 1), largest=5, start=(2, 3)))


def test_every_operation_occurs() -> None:
    problems = load_problems(LabData(num_train=100, num_test=1, style="terse"))
    text = "\n".join(problem.solution for problem in problems.train)
    assert all(f" {operation} " in text for operation in APPLY)


def test_a_run_starts_from_the_world_where_it_takes_part_in_it() -> None:
    here = {WORLD: f"{WORLD_VERSION} {world_hash()}"}
    assert input_hashes(config_of()) == here
    elsewhere = {"name": "r", "model": {}, "data": {"source": "gsm_symbolic"}}
    assert input_hashes(RunConfig.model_validate(elsewhere)) == {}
    measured = {**elsewhere, "evaluate": {"retention": ["sciq", "lab_sort"]}}
    assert input_hashes(RunConfig.model_validate(measured)) == here
    lessons = {WORLD: f"{LESSONS_VERSION} {lessons_hash()}"}
    assert input_hashes(config_of(task="lessons")) == lessons
    for section in ({"retention": ["lab_sort", "lab_stories"]}, {"benchmarks": ["lab_composed"]}):
        assert input_hashes(RunConfig.model_validate({**elsewhere, "evaluate": section})) == lessons


def test_the_shipped_config_has_room_for_its_texts() -> None:
    config = load_config(Path(__file__).parents[4] / "configs" / "lab.yaml")
    assert isinstance(config.data, LabData)
    tokens = load_tokens(resolve_model(config.model.name_or_path), config.model)
    made = stories("train", 300, 0, config.data.difficulty)
    natural = [tokens.tokenizer.encode(solution(NATURAL, s, Random(i))) for i, s in enumerate(made)]
    longest = config.rewrite.max_completion_length
    assert max(map(len, natural)) < longest == config.train.max_completion_length
    for problem in load_problems(config.data).train:
        assert len(tokens.rewriting(problem)) + longest < config.model.max_model_len


def test_a_run_starts_from_the_embedded_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAB_FOLDERS, LAB, tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / LAB).mkdir()  # No folder of that name is meant.
    config = RunConfig.model_validate(
        {"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "lab"}}
    )
    (tmp_path / "config.json").write_text("{}")
    first = input_hashes(config)["lab"]
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    assert input_hashes(config)["lab"] != first
