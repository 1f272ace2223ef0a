"""What ends a text, by the files and the chat templates of popular models."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.end_tokens import EndTokens, end_tokens, end_tokens_text
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from tests.helpers.model_variants import CHATML, FAMILIES, NAMES, PHI, TEXT_END, TURN_END, TURN_START, variant

BOTH = (TEXT_END, TURN_END)
UNDECLARED = {
    "tokenizer": {"eos_token": NAMES[TEXT_END]},
    "config": {"eos_token_id": TEXT_END},
    "generation": {"eos_token_id": ...},
}


def ends_of(folder: Path) -> EndTokens:
    return end_tokens(str(folder), load_tokenizer(str(folder)))


@pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES)
def test_both_ends_end_a_text_and_experts_get_that_of_a_turn(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    found = ends_of(make(tmp_path / "model"))
    assert found.ids == BOTH
    assert found.turn == (TURN_END,)


def test_one_end_named_by_all_files() -> None:
    found = ends_of(LAB_FOLDER)
    assert found.sources == {2: ("chat template", "generation_config.json", "config.json", "tokenizer")}
    assert found.turn == (TURN_END,)
    assert not found.unknown


@pytest.mark.parametrize(
    "ending",
    [
        "{{ m.content }}<|im_end|>",
        "{{ m.content }}<|im_end|>\n",
        "{{ m.content | trim }}<|im_end|>\n\n",
        "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n",
        "{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n",
    ],
)
def test_what_stands_around_the_turns_end(ending: str, tmp_path: Path) -> None:
    template = "{% for m in messages %}<|im_start|>{{ m.role }}\n" + ending + "{% endfor %}"
    found = ends_of(variant(tmp_path / "model", template=template, **UNDECLARED))
    assert (found.ids, found.turn) == (BOTH, (TURN_END,))


def test_text_between_a_reply_and_its_end_belongs_to_the_target(tmp_path: Path) -> None:
    folder = variant(tmp_path / "model", template=CHATML.replace("<|im_end|>", "\n<|im_end|>"))
    found, tokenizer = ends_of(folder), load_tokenizer(str(folder))
    assert tokenizer.decode(list(found.turn)) == "\n<|im_end|>"
    assert found.ids == (TURN_END,)


@pytest.mark.parametrize("template", [PHI, PHI.replace("<|im_end|>\n", "<|im_end|>")])
def test_an_end_that_follows_the_last_turn_only_is_not_the_turns(template: str, tmp_path: Path) -> None:
    found = ends_of(variant(tmp_path / "model", template=template, **UNDECLARED))
    assert (found.ids, found.turn) == (BOTH, (TURN_END,))


def test_a_last_turn_that_ends_otherwise_than_those_before(tmp_path: Path) -> None:
    template = CHATML.replace("<|im_end|>", "{{ '<|im_end|>' if loop.last else '<|im_start|>' }}")
    found = ends_of(variant(tmp_path / "model", template=template))
    assert found.turn == (TURN_END,)


def test_special_tokens_before_the_end_that_files_name(tmp_path: Path) -> None:
    template = CHATML.replace("<|im_end|>", "<|im_start|><|im_end|>")
    found = ends_of(variant(tmp_path / "model", template=template))
    assert (found.ids, found.turn) == ((TURN_END,), (TURN_START, TURN_END))


def test_a_template_that_ends_no_turn(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n\n{% endfor %}assistant:"
    folder = variant(tmp_path / "model", template=template, generation={"eos_token_id": [TEXT_END, TURN_END]})
    found = ends_of(folder)
    assert (found.ids, found.turn) == (BOTH, (TURN_END,)), "the tokenizer's"
    text = end_tokens_text(found, load_tokenizer(str(folder)))
    assert "the chat template puts no end token after an assistant's turn" in text


def test_a_template_that_takes_no_reply_at_the_end(tmp_path: Path) -> None:
    refusal = "{% if messages[-1].role == 'assistant' %}{{ raise_exception('no') }}{% endif %}"
    found = ends_of(variant(tmp_path / "model", template=refusal + CHATML))
    assert found.turn == (TURN_END,)


def test_ids_outside_of_the_vocabulary_are_told(tmp_path: Path) -> None:
    folder = variant(tmp_path / "model", generation={"eos_token_id": [99999, TURN_END]})
    found = ends_of(folder)
    assert found.ids == (TURN_END,)
    assert found.unknown == {99999: ("generation_config.json",)}
    text = end_tokens_text(found, load_tokenizer(str(folder)))
    assert "outside of the vocabulary, not used: 99999 (generation_config.json)" in text


@pytest.mark.parametrize("value", [True, "2", 2.0, [2, "x"]])
def test_an_end_that_is_no_id_is_named(tmp_path: Path, value: object) -> None:
    folder = variant(tmp_path / "model", generation={"eos_token_id": value})
    with pytest.raises(ValueError, match=r"eos_token_id is .* must be a token id or a list of ids"):
        ends_of(folder)


def test_a_config_alone_names_the_end(tmp_path: Path) -> None:
    folder = variant(
        tmp_path / "model",
        template="{{ messages[0].content }}",
        tokenizer={"eos_token": ...},
        config={"eos_token_id": [TURN_END, TEXT_END]},
    )
    (folder / "generation_config.json").unlink()
    found = ends_of(folder)
    assert (found.ids, found.turn) == (BOTH, (TURN_END,))


def test_a_model_of_which_nothing_says_how_a_text_ends(tmp_path: Path) -> None:
    nothing = {"eos_token_id": ...}
    folder = variant(
        tmp_path / "model",
        template="{{ messages[0].content }}",
        tokenizer={"eos_token": ...},
        config=nothing,
        generation={"eos_token_id": 99999},
    )
    with pytest.raises(
        ValueError, match=r"no end token is in the vocabulary .*99999 \(generation_config.json\)"
    ):
        ends_of(folder)


def test_completions_and_experts_follow_the_same_ends(tmp_path: Path) -> None:
    tokens = load_tokens(str(FAMILIES["phi"](tmp_path / "model")), ModelConfig())
    problem = Problem("1", "1+1?", "It is 2.\n#### 2", "2", "####", "")
    expert = tokens.expert(problem)
    assert expert[-1] == TURN_END
    assert tokens.text(expert) == problem.solution
    text = expert[:-1]
    assert [tokens.finished([*text, end]) for end in (TEXT_END, TURN_END, TURN_START)] == [True, True, False]
    assert not tokens.finished([])
