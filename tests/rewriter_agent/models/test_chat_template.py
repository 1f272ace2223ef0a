"""Selection of the chat template, its date, and the roles that it must accept."""

import pickle
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import Tokens, load_tokens
from rewriter_agent.data.prompts import user_messages
from rewriter_agent.evaluate.fleet_lm import FleetLM
from tests.helpers.local_fleet import LocalFleet, make_model
from tests.helpers.model_variants import CHATML, GEMMA, LLAMA, llama, variant

DAY, OTHER = datetime(2026, 1, 31, 23, 59, 58), datetime(2026, 2, 1, 0, 0, 3)
SECONDS = "{{ strftime_now('%M:%S') }}" + CHATML
Make = Callable[..., Tokens]


@pytest.fixture
def tokens_of(tmp_path: Path) -> Make:
    def make(template: str | dict[str, str], moment: datetime | None = None, **options: object) -> Tokens:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return load_tokens(str(variant(folder, template=template)), ModelConfig(**options), moment)

    return make


def prompt(tokens: Tokens) -> str:
    return tokens.tokenizer.decode(tokens.prompt(user_messages("1+1?")))


def test_a_template_tells_the_time_that_is_given_to_it(tokens_of: Make) -> None:
    assert prompt(tokens_of(SECONDS, DAY)).startswith("59:58")
    assert "Today Date: 31 Jan 2026" in prompt(tokens_of(LLAMA, DAY))


def test_the_date_of_the_config_comes_first(tokens_of: Make) -> None:
    assert "Today Date: 01 Feb 2026" in prompt(tokens_of(LLAMA, DAY, date=OTHER))
    assert "Today Date: 01 Feb 2026" in prompt(tokens_of(LLAMA, DAY, date="2026-02-01"))


def test_a_template_without_a_date_is_left_as_it_is(tokens_of: Make) -> None:
    assert prompt(tokens_of(CHATML, DAY)) == prompt(tokens_of(CHATML, OTHER)) == prompt(tokens_of(CHATML))


def test_every_way_to_a_prompt_has_the_same_date(tmp_path: Path) -> None:
    tokens = load_tokens(str(llama(tmp_path / "model")), ModelConfig(), DAY)
    lm = FleetLM(LocalFleet(make_model(512), 2, 512), tokens.tokenizer, 0)
    sent = pickle.loads(pickle.dumps(tokens))
    told = [lm.apply_chat_template(user_messages("1+1?")), prompt(tokens), prompt(sent)]
    assert told == [told[0]] * 3
    assert "31 Jan 2026" in told[0]


def test_a_task_with_a_system_message_is_asked_without_it_where_there_is_no_such_role(
    tokens_of: Make,
) -> None:
    lm = FleetLM(LocalFleet(make_model(512), 2, 512), tokens_of(GEMMA).tokenizer, 0)
    task = user_messages("1+1?", "The following are questions.")
    assert lm.apply_chat_template(task) == lm.apply_chat_template(user_messages("1+1?"))


def test_a_date_leaves_no_trace_in_a_saved_tokenizer(tokens_of: Make, tmp_path: Path) -> None:
    tokens_of(SECONDS, DAY).tokenizer.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "chat_template.jinja").read_text() == SECONDS


def test_the_default_of_several_templates_is_taken(tokens_of: Make) -> None:
    assert prompt(tokens_of({"tool_use": "{{ messages }}", "default": CHATML})) == prompt(tokens_of(CHATML))


def test_a_template_is_named_where_none_is_the_default(tokens_of: Make) -> None:
    named = {"tool_use": "x", "chat": CHATML}
    with pytest.raises(
        ValueError, match=r"several chat templates .* set model.chat_template to one of chat, tool_use"
    ):
        tokens_of(named)
    assert prompt(tokens_of(named, chat_template="chat")) == prompt(tokens_of(CHATML))
    with pytest.raises(
        ValueError, match=r"no chat template named 'tools'; set model.chat_template to one of chat"
    ):
        tokens_of(named, chat_template="tools")


def test_a_template_that_leaves_the_question_out(tokens_of: Make) -> None:
    with pytest.raises(ValueError, match="leaves out a question"):
        tokens_of({"tool_use": "x", "chat": CHATML}, chat_template="tool_use")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (GEMMA, r"refuses \(System role not supported\) a system message"),
        (CHATML.replace("messages %}", "messages if m.role != 'system' %}"), "leaves out a system message"),
    ],
)
def test_a_template_without_a_system_role(template: str, fault: str, tokens_of: Make) -> None:
    with pytest.raises(ValueError, match=f"model.system_prompt: the chat template of .* {fault}; leave"):
        tokens_of(template, system_prompt="Be brief.")
    assert "1+1?" in prompt(tokens_of(template))


def test_a_template_with_a_system_role(tokens_of: Make) -> None:
    assert tokens_of(CHATML, system_prompt="Be brief.").system_prompt == "Be brief."
    assert tokens_of(CHATML.replace("m.content", "m.content | trim"), system_prompt=" Be brief. \n")


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}",
        "{{ messages[0].content + 1 }}",
        "{{ 1 / 0 }}",
        "{% for i in range(1000000000) %}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% include 'other.jinja' %}",
        "{{ messages[0].content.__class__ }}{{ none() }}",
        "{{ 'x'.encode('nowhere') }}",
    ],
)
def test_a_template_that_fails_is_one_message(template: str, tokens_of: Make) -> None:
    with pytest.raises(
        ValueError, match=r"chat template of .* refuses \(.*\) a question; put the one"
    ) as error:
        tokens_of(template)
    assert type(error.value) is ValueError


def test_a_template_that_fails_on_a_reply_or_a_system_message_still_takes_questions(tokens_of: Make) -> None:
    for role in ("assistant", "system"):
        failing = "{% for m in messages if m.role == '" + role + "' %}{{ m + 1 }}{% endfor %}" + CHATML
        assert prompt(tokens_of(failing)) == prompt(tokens_of(CHATML))
    with pytest.raises(
        ValueError, match=r"model.system_prompt: .* refuses \(TypeError: .*\) a system message"
    ):
        tokens_of(failing, system_prompt="Be brief.")


@pytest.mark.parametrize("template", [5, [], {}, {"default": None}, {"default": 3}])
def test_a_template_that_is_no_text(template: object, tmp_path: Path) -> None:
    folder = variant(tmp_path / "model", template=None, tokenizer={"chat_template": template})
    with pytest.raises(
        ValueError, match=r"the chat template of .*model' is .*, not text; correct chat_template in"
    ):
        load_tokens(str(folder), ModelConfig())


def test_a_tokenizer_without_an_end_gets_one_to_pad_with(tmp_path: Path) -> None:
    folder = variant(tmp_path / "model", tokenizer={"eos_token": ..., "pad_token": ...})
    assert load_tokens(str(folder), ModelConfig()).tokenizer.eos_token == "<|im_end|>"
