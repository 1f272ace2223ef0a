"""The committed backbone: its location, its installation, and the match of its card with its weights."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from rewriter_agent.data.lab_world.styles import EXPERT_STYLES, NATURAL
from rewriter_agent.data.lab_world.version import WORLD_VERSION, world_hash
from rewriter_agent.data.prompts import user_messages
from rewriter_agent.lab.generate import mean_nll
from rewriter_agent.lab.install import install
from rewriter_agent.lab.recipes import RECIPES
from rewriter_agent.models.lab import LAB_FOLDER, LAB_FOLDERS
from rewriter_agent.models.resolve import load_tokenizer, resolve_model

MOST_BYTES = 10_000_000


@pytest.mark.parametrize("name", LAB_FOLDERS)
def test_the_card_is_of_these_weights_and_this_world(name: str) -> None:
    folder, recipe = LAB_FOLDERS[name], RECIPES[name]
    card = json.loads((folder / "card.json").read_text())
    weights = (folder / "model.safetensors").read_bytes()
    assert len(weights) < MOST_BYTES
    assert card["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert card["weights_sha256"] in (folder / "README.md").read_text()
    assert card.get("start_sha256") == recipe.start_hash
    assert card["world"] == {"version": WORLD_VERSION, "hash": world_hash()}
    assert card["settings"] == asdict(recipe.settings)
    assert card["stream"] == recipe.stream_hash
    likelihoods = [card["nll"][style] for style in (NATURAL, *EXPERT_STYLES)]
    assert likelihoods == sorted(likelihoods)


def test_the_name_finds_the_folder() -> None:
    assert resolve_model("lab") == str(LAB_FOLDER)
    assert load_tokenizer(resolve_model("lab")).eos_token == "<|im_end|>"


def test_a_right_reply_surprises_it_less_than_a_wrong_one() -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(LAB_FOLDER)
    model = LlamaForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32).eval()
    prompt = user_messages("Sort: 10, 36, 90, 12")

    def nll(reply: str) -> float:
        return mean_nll(model, tokenizer, [(prompt, tokenizer.encode(f"{reply}<|im_end|>"))])

    assert nll("10, 12, 36, 90") < 0.5
    assert nll("90, 12, 36, 10") > 2


def finished_run(folder: Path, weights: bytes) -> Path:
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.safetensors").write_bytes(weights)
    (folder / "model" / "model.safetensors").chmod(0o600)
    for name in ("card.json", "README.md"):
        (folder / name).write_text(f"{name} of {weights!r}")
    return folder


def test_installing_replaces_model_and_card(tmp_path: Path) -> None:
    target = tmp_path / "package" / "backbone"
    old = finished_run(tmp_path / "old", b"1")
    (old / "model" / "stray.json").touch()
    install(old, target)
    install(finished_run(tmp_path / "new", b"2"), target)
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "card.json", "model.safetensors"]
    assert (target / "model.safetensors").read_bytes() == b"2"
    assert (target / "card.json").read_text() == "card.json of b'2'"
    assert (target / "model.safetensors").stat().st_mode == (target / "card.json").stat().st_mode
    assert [path.name for path in target.parent.iterdir()] == ["backbone"]


def test_an_unfinished_run_leaves_what_is_installed(tmp_path: Path) -> None:
    target = tmp_path / "package" / "backbone"
    install(finished_run(tmp_path / "old", b"1"), target)
    new = finished_run(tmp_path / "new", b"2")
    (new / "card.json").unlink()
    with pytest.raises(FileNotFoundError):
        install(new, target)
    assert (target / "model.safetensors").read_bytes() == b"1"
    assert [path.name for path in target.parent.iterdir()] == ["backbone"]
