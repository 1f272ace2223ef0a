"""Resolution of model names to folders and tokenizers."""

from pathlib import Path

import pytest

from rewriter_agent.lab.tokenizer import CHAT_TEMPLATE, make_tokenizer
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer, resolve_model


def test_hub_name_stays() -> None:
    assert resolve_model("Qwen/Qwen2.5-0.5B-Instruct") == "Qwen/Qwen2.5-0.5B-Instruct"


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no config\.json"):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/no-such-folder", "runs/a/sft/model"])
def test_missing_folder(name: str) -> None:
    with pytest.raises(ValueError, match=r"model\.name_or_path: there is no model in"):
        resolve_model(name)


def test_folder_with_a_model() -> None:
    assert resolve_model(str(LAB_FOLDER)) == str(LAB_FOLDER)


def test_tokenizer_needs_a_chat_template(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(seed=0)
    tokenizer.save_pretrained(tmp_path / "chat")
    assert load_tokenizer(str(tmp_path / "chat")).chat_template == CHAT_TEMPLATE
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path / "plain")
    with pytest.raises(ValueError, match="no chat template"):
        load_tokenizer(str(tmp_path / "plain"))
