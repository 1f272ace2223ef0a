"""The plan as users see it, and the plans of the shipped configs for whole nodes of GPUs."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import LlamaConfig, MistralConfig, PretrainedConfig, Qwen2Config

from rewriter_agent.cli import main
from rewriter_agent.models.lab import LAB_FOLDER

CONFIGS = Path(__file__).parents[3] / "configs" / "8gpu"
NODE = "cpus=96,memory=1000,gpus=8,gpu_memory=79"
# As their config.json on the hub says.
MODELS: dict[str, tuple[str, PretrainedConfig]] = {
    "llama-3.2-3b": (
        "LlamaForCausalLM",
        LlamaConfig(
            vocab_size=128256,
            hidden_size=3072,
            intermediate_size=8192,
            num_hidden_layers=28,
            num_attention_heads=24,
            num_key_value_heads=8,
            head_dim=128,
            max_position_embeddings=131072,
            tie_word_embeddings=True,
        ),
    ),
    "mistral-7b": (
        "MistralForCausalLM",
        MistralConfig(
            vocab_size=32768,
            hidden_size=4096,
            intermediate_size=14336,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=8,
        ),
    ),
    "qwen2.5-math-7b": (
        "Qwen2ForCausalLM",
        Qwen2Config(
            vocab_size=152064,
            hidden_size=3584,
            intermediate_size=18944,
            num_hidden_layers=28,
            num_attention_heads=28,
            num_key_value_heads=4,
            tie_word_embeddings=False,
        ),
    ),
}
# GiB of the weights in 16 bits (3.21, 7.25 and 7.62 billion of them) and of 4096 tokens in the KV cache.
SIZES = {"llama-3.2-3b": ("6.0", 0.4375), "mistral-7b": ("13.5", 0.5), "qwen2.5-math-7b": ("14.2", 0.21875)}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(model: str, tmp_path: Path) -> Path:
    architecture, config = MODELS[model]
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict() | {"architectures": [architecture]}))
    for file in (*LAB_FOLDER.glob("tokenizer*.json"), LAB_FOLDER / "chat_template.jinja"):
        shutil.copy(file, tmp_path)
    return tmp_path


def planned(
    capsys: pytest.CaptureFixture[str], config: Path, *options: str, status: int = 0
) -> dict[str, list[str]]:
    """The lines that it prints, in words, by the first of them, in a role's line its name."""
    assert main(["plan", str(config), *options]) == status
    printed = capsys.readouterr()
    lines = (printed.out if status == 0 else printed.err).splitlines()
    rows = [line.split() for line in lines if line.strip()]
    return {words[words[0] in ("rollout", "sft")]: words for words in rows}


def test_a_node_of_eight_gpus_holds_the_paper_scale_configs(
    model: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", f"model.name_or_path={folder}", "--machines", NODE]
    lines = planned(capsys, CONFIGS / f"{model}.yaml", *options)
    weights, sequence = SIZES[model]
    phase, name, count, threads, gpus, where, its_weights, cache = lines["policy"][:8]
    assert (phase, name, count, threads, gpus, where) == ("rollout", "policy", "4", "8", "1", "GPU")
    assert its_weights == weights
    held = int(lines["policy:"][lines["policy:"].index("holds") + 1])
    assert held == pytest.approx(float(cache) / sequence, abs=1)
    assert lines["learner"][2:5] == ["1", "12", "1"]
    assert lines["sft"][2:5] == ["8", "12", "1"]
    text = " ".join(lines["tightest:"])
    assert "memory of a GPU" in text
    assert "of 79.0 GiB" in text


def test_a_learner_with_a_large_batch_does_not_fit(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = [f"model.name_or_path={folder}", "train.per_device_train_batch_size=128"]
    options = [text for change in changed for text in ("--set", change)]
    refused = " ".join(
        planned(capsys, CONFIGS / f"{model}.yaml", *options, "--machines", NODE, status=2)["error:"]
    )
    assert "role 'learner' does not fit" in refused
    assert "train.gradient_checkpointing=true" in refused


def test_two_machines_are_shown_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    config = CONFIGS.parent / "demo.yaml"
    lines = planned(capsys, config, "--machines", "cpus=2,memory=12", "--machines", "cpus=2,memory=12")
    assert {"phase", "machine", "machines:", "tightest:"} <= lines.keys()
    assert "2 x (2 cores, 12 GiB, 0 GPUs);" in " ".join(lines["machines:"])


def test_machines_that_are_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    refused = planned(capsys, CONFIGS.parent / "demo.yaml", "--machines", "eight GPUs", status=2)
    assert "'eight GPUs' describes no machines" in " ".join(refused["error:"])
