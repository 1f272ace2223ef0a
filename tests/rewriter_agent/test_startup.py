"""What a command imports before it answers: modules are counted, since seconds depend on the machine."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rewriter_agent.config import load_config
from rewriter_agent.config.stages import wanted_stages
from rewriter_agent.pipeline import STAGES

SLOW = {
    *(
        "torch",
        "transformers",
        "vllm",
        "ray",
        "trl",
        "peft",
        "accelerate",
        "deepspeed",
        "datasets",
        "lm_eval",
    ),
    *("pandas", "scipy", "sklearn", "sympy", "math_verify", "sacrebleu", "reasoning_gym", "wandb"),
    *("huggingface_hub", "requests", "aiohttp"),
}
"""Libraries that take from a tenth of a second to several seconds."""
CONFIGS = Path(__file__).parents[2] / "configs"
PROBE = """
import json, sys
from rewriter_agent.cli import main
try:
    status = main(json.loads(sys.argv[1]))
except SystemExit as end:
    status = end.code
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""
Answer = tuple[int, set[str], str]


def answer(*arguments: str) -> Answer:
    """Run a command in a process of its own: its exit status, the packages that it imported, and its output."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    *told, last = done.stderr.splitlines()
    status, packages = json.loads(last)
    return status, set(packages), done.stdout + "\n".join(told)


@pytest.fixture
def make_config(tmp_path: Path, toy_problems: Path) -> Callable[..., str]:
    def make(train: Path = toy_problems / "train.jsonl", model: str = "lab") -> str:
        tree = {
            "name": "r",
            "output_dir": str(tmp_path / "runs"),
            "model": {"name_or_path": model, "max_model_len": 512},
            "data": {"source": "file", "train": str(train), "test": str(toy_problems / "test.jsonl")},
        }
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(tree))
        return str(path)

    return make


def test_help_imports_no_library_at_all() -> None:
    status, packages, text = answer("--help")
    assert status == 0
    assert "print roles, threads and memory" in text
    assert not packages & (SLOW | {"numpy", "pyarrow", "pydantic", "yaml", "tokenizers", "reward"})


@pytest.mark.parametrize("command", ["plan", "run", "gap", "grade"])
def test_the_help_of_a_command_imports_nothing_slow(command: str) -> None:
    status, packages, text = answer(command, "--help")
    assert status == 0
    assert "usage: rewriter-agent " + command in text
    assert not packages & (SLOW | {"numpy", "pyarrow", "tokenizers"})


@pytest.mark.parametrize("command", ["plan", "run", "launch", "gap"])
def test_a_wrong_config_is_refused_before_anything_slow(
    command: str, make_config: Callable[..., str]
) -> None:
    status, packages, text = answer(command, make_config(), "--set", "train.max_step=5")
    assert (status, text) == (2, "error: unknown config key 'train.max_step'; did you mean 'max_steps'?")
    assert not packages & (SLOW | {"numpy", "pyarrow", "tokenizers"})


@pytest.mark.parametrize("command", ["plan", "run", "launch", "gap"])
def test_bad_data_is_refused_before_anything_slow(
    command: str, make_config: Callable[..., str], tmp_path: Path
) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text(
        '{"question": "1+1?", "solution": "#### 2"}\n{"question": "2+2?", "solution": "Four."}\n'
    )
    status, packages, text = answer(command, make_config(train))
    assert status == 2
    assert "train.jsonl, line 2: column 'solution' states no answer" in text
    assert not packages & SLOW


@pytest.mark.parametrize("command", ["plan", "run", "launch", "gap"])
def test_a_bad_template_is_refused_before_anything_slow(
    command: str, make_config: Callable[..., str], tmp_path: Path
) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("{{ question }}")
    status, packages, text = answer(command, make_config(), "--set", f"prompts.rewrite={template}")
    assert status == 2
    assert text.startswith(f"error: prompts.rewrite: {template} does not show the solution")
    assert not packages & SLOW


@pytest.mark.parametrize("model", ["lab", "smollm2-135m-instruct"])
def test_a_plan_for_an_embedded_model_imports_nothing_slow(
    model: str, make_config: Callable[..., str]
) -> None:
    status, packages, text = answer("plan", make_config(model=model))
    assert status == 0
    assert "a text ends with 2 <|im_end|> (chat template" in text
    assert not packages & SLOW


@pytest.mark.parametrize("config", ["demo.yaml", "lab.yaml", "study-lab.yaml"])
def test_a_plan_of_a_shipped_config_imports_nothing_slow(config: str) -> None:
    status, packages, _ = answer("plan", str(CONFIGS / config))
    assert status == 0
    assert not packages & SLOW


def test_a_plan_of_a_damaged_model_imports_nothing_slow(
    make_config: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{")
    status, packages, text = answer("plan", make_config(model=str(tmp_path / "model")))
    assert status == 2
    assert "config.json' is not JSON" in text
    assert not packages & SLOW


def test_a_grading_of_bad_rows_imports_nothing_slow(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": 1}\n')
    status, packages, text = answer("grade", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out"))
    assert status == 2
    assert "in.jsonl" in text
    assert not packages & SLOW


@pytest.mark.parametrize(
    "change", [[], ["method=self_train"], ["sft.sweep={seeds: [0, 1]}"], ["sft.replay={}"]]
)
def test_the_stages_of_a_plan_are_those_of_the_pipeline(
    change: list[str], make_config: Callable[..., str]
) -> None:
    config = load_config(Path(make_config()), change)
    assert wanted_stages(config) == {stage.name: stage.wanted(config) for stage in STAGES}
    assert list(wanted_stages(config)) == [stage.name for stage in STAGES]
