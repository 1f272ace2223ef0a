"""Conversations in every format: prompts as TRL makes them, and rows that cannot be used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast
from trl import apply_chat_template, maybe_convert_to_chatml

from reward import extract_answer
from reward.answers.formats.call_syntax import CONTROL_SIGNS
from rewriter_agent.config.data import Columns, FileData
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.conversation import fenced, load_conversation
from rewriter_agent.data.formats import as_json
from rewriter_agent.data.load import check_first_rows, load_problems
from rewriter_agent.data.problem import Problem, ProblemSet
from rewriter_agent.data.prompt_encoder import Tokens, encode_question
from rewriter_agent.data.text_encoder import text_encoder
from rewriter_agent.evaluate.presets import PromptFormat
from rewriter_agent.models.end_tokens import EndTokens
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from tests.helpers import chats
from tests.helpers.chats import CALL, OWN_FORM, TEMPLATE, WEATHER

SYSTEM = {"role": "system", "content": " You count.\n"}
ASK = {"role": "user", "content": "How many?  \n"}
REPLY = {"role": "assistant", "content": "Two and three.\n#### 5"}
MORE = {"role": "user", "content": "And one more? </s><|im_end|>"}
LAST = {"role": "assistant", "content": "Six.\n#### 6"}
RESULT = {"role": "tool", "content": "19 degrees"}
TEST = {"question": "q?", "solution": "#### 1"}
CHATS: dict[str, dict[str, Any]] = {
    "one turn": {"messages": [ASK, REPLY]},
    "system prompt": {"messages": [SYSTEM, ASK, REPLY]},
    "several turns": {"messages": [ASK, REPLY, MORE, LAST]},
    "prompt and completion": {"prompt": [SYSTEM, ASK, REPLY, MORE], "completion": [LAST]},
    "tools": {"messages": [SYSTEM, ASK, CALL, RESULT, LAST], "tools": [WEATHER]},
    "variables": {"messages": [ASK, REPLY], "chat_template_kwargs": {"mood": "(glad)"}},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "How many?"},
            {"from": "gpt", "value": "Five.\n#### 5"},
            {"from": "human", "value": "And now?"},
            {"from": "gpt", "value": "Six.\n#### 6"},
        ]
    },
    "sharegpt with the names of roles": {
        "conversations": [{"from": "user", "value": "How many?"}, {"from": "assistant", "value": "#### 5"}]
    },
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    found = load_tokenizer(str(LAB_FOLDER), None)
    found.chat_template = TEMPLATE
    return found


@pytest.fixture(scope="module")
def tokens(tokenizer: PreTrainedTokenizerFast) -> Tokens:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return Tokens(tokenizer, None, EndTokens({end: ["chat template"]}, (end,), {}))


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., ProblemSet]:
    """Function that loads rows as training data."""

    def load(*rows: object, test_row: object = TEST, **options: Any) -> ProblemSet:
        test = write(tmp_path / "test.jsonl", test_row)
        return load_problems(FileData(train=write(tmp_path / "train.jsonl", *rows), test=test, **options))

    return load


def trl_prompt(tokenizer: PreTrainedTokenizerFast, row: dict[str, Any]) -> list[int]:
    """Ids of the prompt as TRL's trainers make them from a row."""
    row = json.loads(json.dumps(row))
    for turn in row.get("conversations", ()):
        # TRL renames the keys, and leaves the senders to the user.
        turn["from"] = {"human": "user", "gpt": "assistant"}.get(turn["from"], turn["from"])
    row = maybe_convert_to_chatml(row)
    messages = row.get("messages") or [*row["prompt"], *row["completion"]]
    example = {"prompt": messages[:-1], "completion": messages[-1:]}
    if "chat_template_kwargs" in row:
        example["chat_template_kwargs"] = row["chat_template_kwargs"]
    text = apply_chat_template(example, tokenizer, tools=row.get("tools"))["prompt"]
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("row", CHATS.values(), ids=CHATS.keys())
def test_prompts_are_those_of_trl(
    load: Callable[..., ProblemSet], tokenizer: PreTrainedTokenizerFast, tokens: Tokens, row: dict[str, Any]
) -> None:
    [problem] = load(row).train
    # Only a string that acts as a control token is read as text.
    harmless = json.loads(json.dumps(row).replace("</s><|im_end|>", ""))
    [other] = load(harmless).train
    assert tokens.question(other) == trl_prompt(tokenizer, harmless)
    assert encode_question(tokenizer, other, None) == tokens.question(other)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert tokens.question(problem).count(end) == tokens.question(other).count(end)


def test_a_system_prompt_of_the_config_is_for_rows_without_one(load: Callable[..., ProblemSet]) -> None:
    own, other = load({"messages": [SYSTEM, ASK, REPLY]}, {"messages": [ASK, REPLY]}).train
    assert own.chat
    assert own.chat.messages("Be brief.")[0] == SYSTEM
    assert other.chat
    assert other.chat.messages("Be brief.") == [{"role": "system", "content": "Be brief."}, ASK]


def test_every_format_is_found_and_named(tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", TEST)
    alpaca = {"instruction": "How many?", "input": "2 and 3", "output": "#### 5"}
    titles = {
        "conversational (messages)": {"messages": [ASK, REPLY]},
        "conversational (prompt, completion)": {"prompt": [ASK], "completion": [REPLY]},
        "sharegpt (conversations)": CHATS["sharegpt"],
        "alpaca (instruction, output)": alpaca,
        "columns (question, solution)": {"question": "q0?", "solution": "#### 5"},
    }
    for number, (title, row) in enumerate(titles.items()):
        for kind in ("jsonl", "parquet"):
            path = tmp_path / f"{number}.{kind}"
            if kind == "jsonl":
                write(path, row)
            else:
                pq.write_table(pa.Table.from_pylist([row]), path)
            config = FileData(train=str(path), test=test)
            loaded = load_problems(config)
            told = "" if "question" in title else "; each prompt is the row's own messages"
            assert loaded.formats[0] == f"format of the training data: {title}, 1 file, 1 row{told}"
            assert list(loaded.formats) == check_first_rows(config)
    assert load_problems(FileData(train=str(tmp_path / "3.jsonl"), test=test)).train[0].question == (
        "How many?\n\n2 and 3"
    )


def test_a_format_that_is_not_sure_is_asked_for(load: Callable[..., ProblemSet], tmp_path: Path) -> None:
    both = {"messages": [ASK, REPLY], **CHATS["sharegpt"]}
    with pytest.raises(
        ValueError, match=r"may be conversational \(messages\) or sharegpt .* set data\.format"
    ):
        load(both)
    assert (
        load(both, test_row=CHATS["sharegpt with the names of roles"], format="sharegpt").train[0].solution
        == "Six.\n#### 6"
    )
    with pytest.raises(ValueError, match=r"data\.format=alpaca, and the rows are not alpaca"):
        load(both, test_row=both, format="alpaca")
    with pytest.raises(ValueError, match=r"data\.columns names 'ask' .* set data\.format=conversational"):
        load({"messages": [ASK, REPLY]}, columns=Columns(question="ask"))
    # Plain columns that the config names, or that are there, are meant.
    plain = {"question": "How many?", "solution": "#### 5", "messages": [ASK, REPLY]}
    assert load(plain).train[0].conversation is None
    renamed = {"data": {"chat": [ASK, REPLY]}}
    assert (
        load(renamed, test_row={"data": {"chat": [MORE, LAST]}}, columns=Columns(messages="data.chat"))
        .train[0]
        .question
        == ASK["content"]
    )
    with pytest.raises(ValidationError, match="leave it out, or set format to conversational"):
        FileData(train="a.jsonl", format="alpaca", columns=Columns(messages="chat"))


def test_json_in_text_and_empty_fields_of_tables_are_read(
    load: Callable[..., ProblemSet], tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    row = CHATS["tools"]
    [given] = load(row).train
    [from_text] = load({"messages": as_json(row["messages"]), "tools": as_json(row["tools"])}).train
    # Arrow gives every message the fields of all.
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([row, {"messages": [ASK, REPLY], "tools": None}]), path)
    table = load_problems(FileData(train=str(path), test=str(tmp_path / "test.jsonl"))).train
    prompts = {tuple(encode_question(tokenizer, one, None)) for one in (given, from_text, table[0])}
    assert len(prompts) == 1
    assert table[1].chat
    assert table[1].chat.options == {}


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "missing role": ({"messages": [ASK, {"content": "5"}]}, "messages[1] has no role"),
    "null role": ({"messages": [ASK, {"role": None, "content": "5"}]}, "messages[1] has no role"),
    "unknown role": (
        {"messages": [ASK, {"role": "bot", "content": "5"}]},
        "messages[1] has the role 'bot'; known roles are system, user, assistant, tool",
    ),
    "unknown sender": (
        {"conversations": [{"from": "bot", "value": "5"}]},
        "conversations[0] is from 'bot'; known senders are system, human",
    ),
    "two system prompts": (
        {"messages": [SYSTEM, SYSTEM, ASK, REPLY]},
        "messages[1] is a second system prompt, after messages[0]",
    ),
    "late system prompt": ({"messages": [ASK, SYSTEM, REPLY]}, "messages[1] is a system prompt after other"),
    "empty turn": ({"messages": [{"role": "user", "content": " "}, REPLY]}, "messages[0] is empty"),
    "null text": ({"messages": [ASK, {"role": "assistant", "content": None}]}, "messages[1] has no text"),
    "text of parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, REPLY]},
        "messages[0] holds a list, not text",
    ),
    "tool without a definition": (
        {"messages": [ASK, CALL, RESULT, LAST]},
        "messages[1] calls the tool 'weather', and the row has no 'tools'",
    ),
    "another tool": (
        {
            "messages": [ASK, CALL, RESULT, LAST],
            "tools": [{"type": "function", "function": {"name": "time"}}],
        },
        "messages[1] calls the tool 'weather', and 'tools' defines time",
    ),
    "calls that cannot be read": (
        {
            "messages": [
                ASK,
                {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": "Rome"}]},
            ],
            "tools": [WEATHER],
        },
        "messages[1] has tool_calls that cannot be read (Expecting value",
    ),
    "arguments in a list": (
        {
            "messages": [
                ASK,
                {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": ["Rome"]}]},
            ],
            "tools": [WEATHER],
        },
        "messages[1] has tool_calls that cannot be read (the arguments of 'weather' are a list",
    ),
    "tool without a name": (
        {"messages": [ASK, REPLY], "tools": [{"type": "function"}]},
        "tools[0] has no name",
    ),
    "reply first": (
        {"messages": [SYSTEM, REPLY, ASK, LAST]},
        "messages[1] is the assistant's; a conversation begins with the user's turn",
    ),
    "system prompt alone": ({"messages": [SYSTEM]}, "a conversation begins with the user's turn"),
    "no reply": ({"messages": [ASK]}, "column 'messages' has no turn of the assistant"),
    "two replies": ({"messages": [ASK, REPLY, LAST]}, "messages[2] follows another turn of the assistant"),
    "no messages": ({"messages": []}, "column 'messages' is empty"),
    "null messages": ({"messages": None}, "column 'messages' is null"),
    "text for messages": ({"messages": "hello"}, "column 'messages' is not JSON"),
    "text for a message": ({"messages": ["hello"]}, "messages[0] is a str, not an object"),
    "prompt after the reply": (
        {"prompt": [ASK], "completion": [ASK]},
        "completion[0] is not the assistant's",
    ),
    "messages under the name of ShareGPT": (
        {"conversations": [ASK, REPLY]},
        "set data.format=conversational and data.columns.messages=conversations",
    ),
    "null output": ({"instruction": "Add.", "output": None}, "column 'output' is null"),
    "empty instruction": ({"instruction": "", "output": "#### 5"}, "instruction is empty"),
    "number for an input": (
        {"instruction": "a", "input": 3, "output": "#### 5"},
        "column 'input' holds a int",
    ),
    "a broken history": (
        {"instruction": "a", "history": ["b"], "output": "#### 5"},
        "history[0] is not a list",
    ),
    "a template of the row's own": (
        {"messages": [ASK, REPLY], "chat_template_kwargs": {"chat_template": "{{ 1 }}"}},
        "column 'chat_template_kwargs' sets 'chat_template', which is not the row's to set",
    ),
    "no answer": ({"messages": [ASK, {"role": "assistant", "content": "5"}]}, "messages[1] states no answer"),
    "half a character": ({"messages": [{"role": "user", "content": "\ud83d"}, REPLY]}, "unpaired surrogate"),
}


@pytest.mark.parametrize(("row", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_row_is_named_with_its_field(
    load: Callable[..., ProblemSet], tmp_path: Path, row: dict[str, Any], reason: str
) -> None:
    good = {"messages": [ASK, REPLY]} if "messages" in row else None
    if "prompt" in row:
        good = {"prompt": [ASK], "completion": [REPLY]}
    if "conversations" in row:
        good = CHATS["sharegpt"]
    if "instruction" in row:
        good = {"instruction": "Add 2 and 3.", "output": "#### 5"}
    with pytest.raises(ValueError, match="on_bad_row=skip") as caught:
        load(good, row)
    assert str(caught.value).startswith(f"{tmp_path / 'train.jsonl'}, line 2: ")
    assert reason in str(caught.value)
    loaded = load(good, row, on_bad_row="skip")
    assert (len(loaded.train), loaded.counts["train_bad_rows"]) == (1, 1)


def test_a_row_in_another_format_than_the_first_is_named(load: Callable[..., ProblemSet]) -> None:
    rows = [{"messages": [ASK, REPLY]}, CHATS["sharegpt"], TEST]
    with pytest.raises(
        ValueError,
        match=r"line 2: column 'messages' is missing .* The row is sharegpt \(conversations\), and",
    ):
        load(*rows)
    with pytest.raises(
        ValueError, match=r"The row is conversational \(messages\), and the first row is plain"
    ):
        load({"question": "q1?", "solution": "#### 1"}, rows[0])


def test_every_reply_is_rewritten_given_what_came_before(load: Callable[..., ProblemSet]) -> None:
    rows = [{"messages": [SYSTEM, ASK, REPLY, MORE, LAST]}, {"messages": [ASK, REPLY]}]
    assert [problem.solution for problem in load(*rows).train] == [LAST["content"], REPLY["content"]]
    loaded = load(*rows, turns="all")
    first, second, third = loaded.train
    assert (first.solution, second.solution, third.solution) == (
        "Two and three.\n#### 5",
        LAST["content"],
        REPLY["content"],
    )
    assert second.question == (
        f"[system]\n{SYSTEM['content']}\n\n[user]\n{ASK['content']}\n\n[assistant]\n{REPLY['content']}\n\n"
        f"[user]\n{MORE['content']}"
    )
    assert third.question == ASK["content"]
    assert second.chat
    assert second.chat.before == [SYSTEM, ASK, REPLY, MORE]
    with pytest.raises(ValidationError, match="leave one of the two out"):
        FileData(train="a.jsonl", turns="all", columns=Columns(answer="gold"))


def test_the_replies_of_a_row_are_not_split(tmp_path: Path) -> None:
    def row(number: int) -> dict[str, Any]:
        ask = {"role": "user", "content": f"q{number}"}
        return {"messages": [ask, REPLY, MORE, LAST]}

    path = write(tmp_path / "train.jsonl", *map(row, range(10)))
    loaded = load_problems(FileData(train=path, test_size=4, num_train=3, turns="all"))
    places = [{one.chat.place for one in part if one.chat} for part in (loaded.train, loaded.test)]
    assert (len(loaded.train), len(loaded.test)) == (6, 8)
    assert (len(places[0]), len(places[1])) == (3, 4)
    assert not places[0] & places[1]


def test_a_reply_that_calls_tools_is_as_the_template_writes_it(
    load: Callable[..., ProblemSet], tokenizer: PreTrainedTokenizerFast, tokens: Tokens, tmp_path: Path
) -> None:
    row = {"messages": [SYSTEM, ASK, CALL], "tools": [WEATHER]}
    [problem] = load(row).train
    assert problem.calls_tools
    call = '{"name": "weather", "arguments": {"city": "Rome"}}'
    assert (problem.convention, problem.answer, problem.solution) == ("tool_calls", f"[{call}]", call)
    prompt, expert = tokens.question(problem), tokens.expert(problem)
    example = {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}
    trl = apply_chat_template(example, tokenizer, tools=row["tools"])
    assert tokenizer.decode(prompt) == trl["prompt"]
    assert tokenizer.decode(expert) == trl["completion"].rstrip()
    written = tokens.with_calls(problem)
    assert written.solution == written.answer == f"<tool_call>\n{call}\n</tool_call>"
    assert not written.is_kept
    [message] = tokens.rewrite_messages(written)
    assert message["content"].endswith(f"End with this:\n{written.answer}")


def test_calls_in_a_form_of_the_templates_own_are_not_compared(
    load: Callable[..., ProblemSet], tokens: Tokens
) -> None:
    tokenizer = load_tokenizer(str(LAB_FOLDER), None)
    tokenizer.chat_template = OWN_FORM
    other = Tokens(tokenizer, None, tokens.ends)
    [problem, text] = load(
        {"messages": [ASK, CALL], "tools": [WEATHER]}, {"messages": [ASK, REPLY, MORE, LAST]}
    ).train
    assert "<call>" in tokenizer.decode(other.expert(problem))
    assert other.with_calls(problem).is_kept
    assert other.with_calls(text) is text


@pytest.mark.parametrize("name", ["XML", "PARAMETERS", "PYTHON_TAG", "MARKED", "SEPARATED"])
def test_calls_are_compared_in_the_syntax_of_the_template(
    load: Callable[..., ProblemSet], tokens: Tokens, name: str
) -> None:
    tokenizer = load_tokenizer(str(LAB_FOLDER), None)
    tokenizer.chat_template = getattr(chats, name)
    signs = [AddedToken(sign, special=True, normalized=False) for sign in sorted(CONTROL_SIGNS)]
    tokenizer.add_tokens(signs, special_tokens=True)
    own = Tokens(tokenizer, None, tokens.ends)
    reply = {**CALL, "content": "I look."}
    [problem] = load({"messages": [ASK, reply], "tools": [WEATHER]}).train
    if name == "PARAMETERS":
        # Its calls are the whole reply.
        [problem] = load({"messages": [ASK, CALL], "tools": [WEATHER]}).train
    written = own.with_calls(problem)
    assert not written.is_kept
    ids = own.expert(written)
    assert (
        own.text(ids).strip()
        == written.solution
        == f"{'' if name == 'PARAMETERS' else 'I look.'}{written.answer}"
    )
    assert own.finished(ids)
    assert not own.has_control_tokens(ids)
    assert "".join(own.pieces(ids)) == own.text(ids)
    assert PromptFormat(tokenizer, "chat").answer(ids)[0] == own.text(ids)
    # What spells a sign out calls no tool.
    assert own.has_control_tokens(own.completion(written.solution)) == (name not in ("XML", "PARAMETERS"))


def test_calls_are_read_after_reasoning_that_the_prompt_opens(
    load: Callable[..., ProblemSet], tokens: Tokens
) -> None:
    tokenizer = load_tokenizer(str(LAB_FOLDER), None)
    tokenizer.chat_template = chats.THINKING
    own = Tokens(tokenizer, None, tokens.ends)
    [problem] = load({"messages": [ASK, CALL], "tools": [WEATHER]}).train
    written = own.with_calls(problem)
    assert tokenizer.decode(own.question(written)).endswith("assistant\n<think>\n")
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    assert written.answer == call
    assert tokenizer.decode(own.expert(written)) == f"</think>\n\n{call}<|im_end|>"
    assert written.solution == f"<think>\n</think>\n\n{call}"
    reasoned = own.completion(f"<think>\nRome it is.\n</think>\n\nI look.\n{call}")
    assert extract_answer(own.text(reasoned), "tool_calls") == call


def test_calls_in_the_text_of_a_reply_are_read(load: Callable[..., ProblemSet]) -> None:
    def row(call: str) -> dict[str, Any]:
        return {"messages": [ASK, {"role": "assistant", "content": call}], "tools": [WEATHER]}

    good = '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>'
    test_row = {**row(good), "messages": [MORE, {"role": "assistant", "content": good}]}
    options: dict[str, Any] = {"convention": "tool_calls", "test_row": test_row}
    [problem] = load(row(f"I look.\n{good}"), **options).train
    assert (problem.answer, problem.calls_tools, problem.is_kept) == (good, False, False)
    for call, reason in (
        ("It is warm.", r"messages\[1\] states no answer in the convention 'tool_calls'"),
        (
            good.replace("weather", "time"),
            r"messages\[1\] calls the tool 'time', and 'tools' defines weather",
        ),
        (good.replace("{", "("), r"messages\[1\]: .* holds no tool calls that can be read"),
    ):
        with pytest.raises(ValueError, match=rf"line 1: {reason}"):
            load(row(call), **options)


def test_a_tag_that_is_a_token_must_not_be_spelled_out(tokens: Tokens) -> None:
    tokenizer = load_tokenizer(str(LAB_FOLDER), None)
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in ("<tool_call>", "</tool_call>")])
    tokenizer.chat_template = TEMPLATE
    own = Tokens(tokenizer, None, tokens.ends)
    text = '<tool_call>{"name": "f"}</tool_call>'
    spelled = load_tokenizer(str(LAB_FOLDER), None).encode(text, add_special_tokens=False)
    assert own.text(spelled) == text
    assert own.has_control_tokens(spelled)
    assert not own.has_control_tokens(own.completion(text))


def test_calls_of_sharegpt_are_calls(load: Callable[..., ProblemSet]) -> None:
    call = '{"name": "weather", "arguments": {"city": "Rome"}}'
    turns = [("human", "Weather?"), ("function_call", call), ("observation", "19"), ("gpt", "Warm.\n#### 19")]
    row = {"conversations": [{"from": sender, "value": text} for sender, text in turns], "system": "Help."}
    [problem] = load(row | {"tools": json.dumps([WEATHER])}).train
    assert problem.chat
    assert [message["role"] for message in problem.chat.before] == ["system", "user", "assistant", "tool"]
    assert problem.chat.before[2]["tool_calls"] == [{"type": "function", "function": json.loads(call)}]
    with pytest.raises(ValueError, match=r"conversations\[1\] calls the tool 'weather', and the row has no"):
        load(row)


def test_a_template_that_cannot_write_a_conversation_is_named(
    load: Callable[..., ProblemSet], tmp_path: Path
) -> None:
    plain = load_tokenizer(str(LAB_FOLDER), None)
    tools, system = load(CHATS["tools"], CHATS["system prompt"]).train
    with pytest.raises(
        ValueError, match=r"train\.jsonl, line 1: .* \(it leaves out the tools\); leave the row out"
    ):
        encode_question(plain, tools, None)
    refuse = "{% if m.role == 'system' %}{{ raise_exception('No system') }}{% endif %}"
    plain.chat_template = "{% for m in messages %}" + refuse + "{% endfor %}"
    with pytest.raises(ValueError, match=r"line 2: the model's chat template cannot write .*No system"):
        encode_question(plain, system, None)


def test_the_rewriting_prompt_shows_the_conversation_as_data(
    load: Callable[..., ProblemSet], tokens: Tokens
) -> None:
    [problem] = load(CHATS["several turns"]).train
    [message] = tokens.rewrite_messages(problem)
    assert message["content"].startswith(f"{fenced(problem.question)}\n\nNotes:\n{problem.solution}")
    assert message["content"].count("=== conversation ") == 2
    [one_turn] = load(CHATS["one turn"]).train
    assert tokens.rewrite_messages(one_turn)[0]["content"].startswith("How many?\n\nNotes:\n")


def test_control_tokens_in_tools_and_calls_are_text(
    load: Callable[..., ProblemSet], tokenizer: PreTrainedTokenizerFast
) -> None:
    hostile = json.loads(
        json.dumps(CHATS["tools"]).replace("The weather.", "<|im_end|>").replace("Rome", "</s>")
    )
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    counts = []
    for row in (hostile, CHATS["tools"]):
        [problem] = load(row).train
        ids = encode_question(tokenizer, problem, None)
        counts.append(ids.count(end))
    assert counts[0] == counts[1]
    assert text_encoder(tokenizer).control.acting


def test_a_record_holds_the_conversation_and_a_plain_question_has_none(
    load: Callable[..., ProblemSet],
) -> None:
    [problem] = load(CHATS["tools"]).train
    assert Problem(**json.loads(json.dumps(problem.row()))) == problem
    assert problem.conversation
    chat = load_conversation(problem.conversation)
    assert chat.row == {"messages": CHATS["tools"]["messages"], "tools": [WEATHER]}
    [plain] = load({"question": "q1?", "solution": "#### 5"}).train
    assert "conversation" not in plain.row()
    assert ModelConfig().system_prompt is None


def test_the_example_has_conversations() -> None:
    folder = Path(__file__).parents[3] / "examples" / "conversations"
    config = FileData(train=str(folder / "train.jsonl"), test=str(folder / "test.jsonl"), turns="all")
    loaded = load_problems(config)
    assert (loaded.counts["train_rows"], loaded.counts["train"]) == (18, 24)
    assert loaded.formats[0].startswith(
        "format of the training data: conversational (messages), 1 file, 18 rows"
    )


def test_without_an_answer_key_every_reply_is_its_own_standard(load: Callable[..., ProblemSet]) -> None:
    free = {"messages": [ASK, {"role": "assistant", "content": "Five, I think."}, MORE, LAST]}
    other = {"messages": [MORE, {"role": "assistant", "content": "Perhaps six."}]}
    loaded = load(free, test_row=other, turns="all", convention="reference")
    assert [problem.solution for problem in loaded.train] == ["Five, I think.", LAST["content"]]
