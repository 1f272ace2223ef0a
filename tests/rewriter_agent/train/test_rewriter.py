"""A trained rewriter is used with the backbone and the tokenizer that it was made for, and with no other."""

import shutil
from pathlib import Path

import pytest
from peft import LoraConfig

from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.runtime.fingerprints import model_identity
from rewriter_agent.train.rewriter import RewriterCard, check_adapter, read_rewriter, write_card

IDENTITY = model_identity(str(LAB_FOLDER))
CARD = RewriterCard("lab", IDENTITY, 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LAB_FOLDER, tmp_path / "model")
    write_card(tmp_path, CARD)
    return tmp_path


def refusal(folder: Path, identity: str = IDENTITY) -> str:
    with pytest.raises(ValueError, match=r"^rewrite\.rewriter: ") as error:
        read_rewriter(folder, identity, load_tokenizer(str(LAB_FOLDER)))
    return str(error.value)


def test_its_card_is_read(folder: Path) -> None:
    assert read_rewriter(folder, IDENTITY, load_tokenizer(str(LAB_FOLDER))) == CARD


def test_a_folder_that_train_did_not_leave(folder: Path) -> None:
    (folder / "rewriter.json").unlink()
    assert "there is no trained rewriter" in refusal(folder)


def test_a_rewriter_of_another_backbone(folder: Path) -> None:
    assert f"trained on another backbone (lab, {IDENTITY})" in refusal(folder, "0123456789abcdef")


def test_another_chat_template(folder: Path) -> None:
    template = folder / "model" / "chat_template.jinja"
    template.write_text(template.read_text() + "\n")
    assert "is not the backbone's" in refusal(folder)


def test_engines_must_have_room_for_its_adapter(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no adapter in .*enable_lora=false"):
        check_adapter(tmp_path, 16)
    LoraConfig(r=20, target_modules="all-linear").save_pretrained(str(tmp_path))
    check_adapter(tmp_path, 17)
    with pytest.raises(ValueError, match=r"has rank 20, .*train\.lora\.r=16; set train\.lora\.r=20"):
        check_adapter(tmp_path, 16)
