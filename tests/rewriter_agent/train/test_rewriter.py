"""A trained rewriter is used with the backbone and the tokenizer that it was made for, and with no other."""

import json
import shutil
from pathlib import Path

import pytest
from peft import LoraConfig

from rewriter_agent.data.prompts import Prompts
from rewriter_agent.data.rewriting_template import RewritingTemplate, load_template
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.runtime.fingerprints import model_identity
from rewriter_agent.train.rewriter import RewriterCard, check_adapter, prompts_hint, read_rewriter, write_card

IDENTITY = model_identity(str(LAB_FOLDER))
CARD = RewriterCard("lab", IDENTITY, 12, Prompts().record())


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


def test_a_card_from_before_prompts_were_recorded_is_read(folder: Path) -> None:
    card = json.loads((folder / "rewriter.json").read_text())
    del card["prompts"]
    (folder / "rewriter.json").write_text(json.dumps(card))
    old = read_rewriter(folder, IDENTITY, load_tokenizer(str(LAB_FOLDER)))
    assert old.prompts is None
    assert prompts_hint(old, Prompts("none").record()) is None


@pytest.mark.parametrize("prompts", ["mathematics", 5, ["auto"]])
def test_a_card_whose_prompts_are_not_a_record(folder: Path, prompts: object) -> None:
    card = json.loads((folder / "rewriter.json").read_text())
    (folder / "rewriter.json").write_text(json.dumps(card | {"prompts": prompts}))
    assert "is no card of a rewriter of this version" in refusal(folder)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Prompts("none"), 'prompts.answer_format="auto" (now "none")'),
        (Prompts(show_answer=False), "prompts.show_answer=true (now false)"),
        (
            Prompts(template=load_template("mathematics-de")),
            'prompts.rewrite="mathematics" (now "mathematics-de")',
        ),
        (
            Prompts(template=RewritingTemplate("mathematics", "{{ question }} {{ solution }}")),
            'prompts.rewrite="mathematics" (now "mathematics"), edited since',
        ),
    ],
)
def test_a_hint_names_the_prompts_that_differ_from_its_training(now: Prompts, told: str) -> None:
    assert prompts_hint(CARD, Prompts().record()) is None
    hint = prompts_hint(CARD, now.record())
    assert hint is not None
    assert hint.startswith(f"was trained with {told}; ")


def test_engines_must_have_room_for_its_adapter(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no adapter in .*enable_lora=false"):
        check_adapter(tmp_path, 16)
    LoraConfig(r=20, target_modules="all-linear").save_pretrained(str(tmp_path))
    check_adapter(tmp_path, 17)
    with pytest.raises(ValueError, match=r"has rank 20, .*train\.lora\.r=16; set train\.lora\.r=20"):
        check_adapter(tmp_path, 16)
