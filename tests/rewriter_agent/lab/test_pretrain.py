"""The stream, the batches and a pre-training run that is broken off."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rewriter_agent.data.lab_world import skills
from rewriter_agent.data.lab_world.operations import OPERATIONS
from rewriter_agent.data.lab_world.skills import SKILLS
from rewriter_agent.data.lab_world.splits import Part, draw_from, part_of
from rewriter_agent.data.prompts import qa_messages, user_messages
from rewriter_agent.io import progress
from rewriter_agent.io.progress import Progress
from rewriter_agent.lab import mixture
from rewriter_agent.lab.batches import IGNORED, encode, micro_batches, step_chats
from rewriter_agent.lab.card import render_card, write_card
from rewriter_agent.lab.generate import generate
from rewriter_agent.lab.mixture import QUOTING, chat_at, quoting_chat_at
from rewriter_agent.lab.pretrain import new_model, pretrain, train_step
from rewriter_agent.lab.recipes import RECIPES, Recipe
from rewriter_agent.lab.settings import Settings, Shape
from rewriter_agent.lab.tokenizer import make_tokenizer

SHAPE = Shape(hidden=32, layers=1, heads=2, feed_forward=48)
RECIPE = Recipe(
    Settings(steps=6, chats=8, micro_tokens=600, warmup=2, threads=1, save_steps=2, log_steps=3, shape=SHAPE)
)
TOKENIZER = make_tokenizer(0)


def changed(**settings: Any) -> Recipe:
    return replace(RECIPE, settings=replace(RECIPE.settings, **settings))


def quiet() -> Progress:
    return Progress("test", io.StringIO())


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def test_chat_depends_on_seed_and_number_alone() -> None:
    later = chat_at(0, 17)
    assert [chat_at(0, index) for index in range(20)][17] == later
    assert chat_at(1, 17) != later


def test_stream_holds_items_of_its_own_part_only(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def record(part: Part, draw: Random, make: Callable[[Random], Any]) -> Any:
        item = draw_from(part, draw, make)
        drawn.append(item.key)
        return item

    monkeypatch.setattr(mixture, "draw_from", record)
    monkeypatch.setattr(skills, "draw_from", record)
    chats = [chat_at(0, index) for index in range(2000)]
    assert len(drawn) == len(chats)
    assert {part_of(key) for key in drawn} == {"pretrain"}


def test_the_streams_of_the_shipped_backbones_are_as_they_were() -> None:
    hashes = {name: recipe.stream_hash for name, recipe in RECIPES.items()}
    assert hashes == {"lab": "e6f5aefceeb86c93", "lab-lessons": "6b3e17fa8778c647"}


def test_quoted_words_are_made_up_and_their_results_are_told() -> None:
    chats = [quoting_chat_at(0, index) for index in range(2000)]
    quotes = [chat for chat in chats if chat.kind == "quote"]
    assert abs(len(quotes) / len(chats) - QUOTING) < 0.03
    told = 0
    for chat in quotes:
        question, notes = (str(chat.prompt[-1]["content"]), chat.reply)
        words = re.findall(r"Then comes a (\w+)\.", question)
        assert words
        assert not OPERATIONS.keys() & set(words)
        told += all(re.search(rf"\d {word}( =|$)", notes, re.MULTILINE) for word in words)
    # Without its last step, a reply may lack the word.
    assert told > 0.9 * len(quotes)
    solved = {chat.prompt[-1]["content"] for chat in chats if chat.kind == "solve"}
    assert not any("Then comes a" in prompt for prompt in solved)


def test_stream_has_every_kind() -> None:
    assert {chat_at(0, index).kind for index in range(1000)} == {"solve", "rewrite", *SKILLS}


def test_tokenizer_splits_digits_and_encodes_any_text() -> None:
    for text in ("1234", "⟦12⟧ ⇐ ⟦7⟧ ⊕ 5", "Grüße, 世界 🙂\n\ttab  two"):
        assert TOKENIZER.decode(TOKENIZER.encode(text)) == text
    assert len(TOKENIZER.encode("1234")) == 4
    assert len(TOKENIZER) == 512
    assert TOKENIZER.eos_token == "<|im_end|>"


def test_encoding_is_what_the_chat_template_writes() -> None:
    for chat, encoded in zip(
        chats := [chat_at(0, i) for i in range(40)], encode(TOKENIZER, chats), strict=True
    ):
        whole = TOKENIZER.apply_chat_template(
            [*chat.prompt, {"role": "assistant", "content": chat.reply}], tokenize=False
        )
        assert str(whole).rstrip("\n") == TOKENIZER.decode(encoded.ids)
        prompt = TOKENIZER.apply_chat_template(chat.prompt, add_generation_prompt=True, return_dict=False)
        assert encoded.ids[: encoded.prompt_length] == prompt
        assert encoded.ids[-1] == TOKENIZER.eos_token_id


def test_micro_batches_keep_every_reply_token_once() -> None:
    chats = step_chats(TOKENIZER, chat_at, 0, 3, 50)
    pieces = micro_batches(chats, 1500, 0)
    assert all(piece.input_ids.numel() <= 1500 for piece in pieces)
    expected = sorted(tuple(chat.ids[chat.prompt_length :]) for chat in chats)
    assert expected == sorted(tuple(row[row != IGNORED].tolist()) for p in pieces for row in p.labels)
    assert sum(piece.real for piece in pieces) == sum(len(chat.ids) for chat in chats)


def test_chat_longer_than_a_piece_is_a_piece() -> None:
    chats = step_chats(TOKENIZER, chat_at, 0, 0, 5)
    assert len(micro_batches(chats, 1, 0)) == 5


def test_size_of_the_pieces_does_not_change_the_step() -> None:
    chats = step_chats(TOKENIZER, chat_at, 0, 0, 16)
    # Plain gradient descent: AdamW's first step is the same for gradients of any size.
    settings = replace(RECIPE.settings, max_norm=1e9, learning_rate=1.0)
    found = []
    for most in (400, 8000):
        model = new_model(SHAPE, TOKENIZER, 0)
        before = [weight.detach().clone() for weight in model.parameters()]
        losses = train_step(
            model, torch.optim.SGD(model.parameters()), micro_batches(chats, most, 0), settings, 0
        )
        steps = [weight.detach() - old for weight, old in zip(model.parameters(), before, strict=True)]
        found.append((losses, torch.cat([step.flatten() for step in steps])))
    (losses, step), (other_losses, other_step) = found
    assert losses.keys() == other_losses.keys()
    for kind, value in losses.items():
        assert value == pytest.approx(other_losses[kind], rel=1e-4)
    assert step.norm() > 0
    assert (step - other_step).norm() < 1e-4 * step.norm()


def test_two_parts_equal_one_run_bit_for_bit(tmp_path: Path) -> None:
    whole, parts, other = (tmp_path / name for name in ("whole", "parts", "other"))
    assert pretrain(RECIPE, whole, quiet())
    assert not pretrain(RECIPE, parts, quiet(), stop_after=3)
    assert not (parts / "model").exists()
    assert pretrain(RECIPE, parts, quiet())
    assert weights(whole) == weights(parts)
    assert pretrain(RECIPE.with_settings(seed=1), other, quiet())
    assert weights(whole) != weights(other)


def test_a_continued_model_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    first, second, parts, other = (tmp_path / name for name in ("first", "second", "parts", "other"))
    pretrain(RECIPE, first, quiet())
    recipe = replace(RECIPE, stream=quoting_chat_at, start=first / "model").with_settings(steps=4)
    assert pretrain(recipe, second, quiet())
    assert not pretrain(recipe, parts, quiet(), stop_after=2)
    with pytest.raises(ValueError, match="start was"):
        pretrain(replace(recipe, start=second / "model"), parts, quiet())
    assert pretrain(recipe, parts, quiet())
    assert weights(second) == weights(parts) != weights(first)
    assert pretrain(replace(recipe, stream=chat_at), other, quiet())
    assert weights(other) != weights(second)


def test_checkpoint_of_another_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrain(RECIPE, tmp_path, quiet(), stop_after=1)
    with pytest.raises(ValueError, match=r"learning_rate was 0\.002 and is 0\.1"):
        pretrain(changed(learning_rate=0.1), tmp_path, quiet())
    assert not pretrain(changed(log_steps=1), tmp_path, quiet(), stop_after=2)
    monkeypatch.setitem(mixture.KINDS, "solve", 0.5)
    with pytest.raises(ValueError, match="stream was"):
        pretrain(RECIPE, tmp_path, quiet())


def test_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    pretrain(RECIPE, tmp_path, quiet())
    before = weights(tmp_path)
    assert pretrain(RECIPE, tmp_path, quiet())
    assert weights(tmp_path) == before
    (tmp_path / "checkpoint.pt").unlink()
    with pytest.raises(ValueError, match="holds a finished model"):
        pretrain(RECIPE, tmp_path, quiet())


def test_schedule_rises_then_falls() -> None:
    settings = Settings(steps=100, warmup=10)
    rates = [settings.rate(step) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert rates[9] == pytest.approx(settings.learning_rate)
    assert rates[-1] < 0.03 * settings.learning_rate
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_wrong_settings() -> None:
    with pytest.raises(ValueError, match="chats is 0"):
        Settings(chats=0)


def test_loss_falls_and_the_progress_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A fast machine takes less than a second for these steps.
    monkeypatch.setattr(progress, "SOONEST", 0.0)
    out = io.StringIO()
    pretrain(changed(steps=40, warmup=4, log_steps=10), tmp_path, Progress("backbone", out))
    lines = out.getvalue().splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert losses[-1] < losses[0] - 0.5
    assert "tokens/s" in lines[-1]
    assert "left" in lines[1]


def test_generation_ignores_neighbours_and_follows_the_seed() -> None:
    model = new_model(SHAPE, TOKENIZER, 0).eval()
    prompts = [user_messages("Sort: 3, 1"), qa_messages("Tom has 3 apples. How many?", "####")]
    together = generate(model, TOKENIZER, prompts, 6)
    alone = [generate(model, TOKENIZER, [prompt], 6)[0] for prompt in prompts]
    assert [reply.token_ids for reply in together] == [reply.token_ids for reply in alone]
    assert generate(model, TOKENIZER, prompts, 6, 1.0, 1) == generate(model, TOKENIZER, prompts, 6, 1.0, 1)


def test_card_names_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewriter_agent.lab.measure.LONGEST", 4)
    monkeypatch.setattr("rewriter_agent.lab.measure.MAX_TOKENS", 2)
    pretrain(RECIPE, tmp_path, quiet())
    card = write_card(tmp_path, RECIPE, 4, quiet())
    page = (tmp_path / "README.md").read_text()
    assert page == render_card(card)
    assert card["weights_sha256"] in page
    assert set(card["skills"]) == set(SKILLS)
    for measured in (card["rewriting"], card["lessons"]):
        assert all(0 <= value <= 1 for shares in measured.values() for value in shares.values())


def test_saved_model_loads_with_its_template(tmp_path: Path) -> None:
    pretrain(RECIPE, tmp_path, quiet())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert model.dtype is torch.bfloat16
    assert tokenizer.chat_template == TOKENIZER.chat_template
    assert tokenizer.encode("⟦12⟧ Tom") == TOKENIZER.encode("⟦12⟧ Tom")
