"""Rows of every conversational format, broken in every way: the message names file, row and field."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewriter_agent.config.data import FileData
from rewriter_agent.data.load import load_problems
from tests.helpers.chats import CALL, WEATHER

Row = dict[str, Any]
ASK = {"role": "user", "content": "How many?"}
REPLY = {"role": "assistant", "content": "Two and three.\n#### 5"}
SYSTEM = {"role": "system", "content": "You count."}
HUMAN = {"from": "human", "value": "How many?"}
GPT = {"from": "gpt", "value": "Two and three.\n#### 5"}
SENT_SYSTEM = {"from": "system", "value": "You count."}
SENT_CALL = {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Rome"}}'}
RESULT = {"from": "observation", "value": "19"}
TIME = {"type": "function", "function": {"name": "time"}}

GOOD: dict[str, Row] = {
    "messages": {"messages": [ASK, REPLY]},
    "prompt_completion": {"prompt": [ASK], "completion": [REPLY]},
    "sharegpt": {"conversations": [HUMAN, GPT]},
    "alpaca": {"instruction": "How many?", "output": "#### 5"},
}

BROKEN: dict[str, dict[str, tuple[Row, str]]] = {
    "missing role": {
        "messages": ({"messages": [{"content": "q"}, REPLY]}, "messages[0] has no role"),
        "prompt_completion": ({"prompt": [{"content": "q"}], "completion": [REPLY]}, "prompt[0] has no role"),
        "sharegpt": (
            {"conversations": [{"value": "q"}, GPT]},
            "conversations[0] has no 'from' (it has 'value')",
        ),
    },
    "null role": {
        "messages": ({"messages": [{"role": None, "content": "q"}, REPLY]}, "messages[0] has no role"),
        "prompt_completion": (
            {"prompt": [ASK], "completion": [{"role": None, "content": "5"}]},
            "completion[0] is not the assistant's",
        ),
        "sharegpt": ({"conversations": [{"from": None, "value": "q"}, GPT]}, "conversations[0] is from None"),
    },
    "role that is a list": {
        "messages": (
            {"messages": [{"role": ["user"], "content": "q"}, REPLY]},
            "messages[0] has the role ['user']",
        ),
        "prompt_completion": (
            {"prompt": [{"role": ["user"], "content": "q"}], "completion": [REPLY]},
            "prompt[0] has the role ['user']",
        ),
        "sharegpt": (
            {"conversations": [{"from": ["human"], "value": "q"}, GPT]},
            "conversations[0] is from ['human']",
        ),
    },
    "two system prompts": {
        "messages": ({"messages": [SYSTEM, SYSTEM, ASK, REPLY]}, "messages[1] is a second system prompt"),
        "prompt_completion": (
            {"prompt": [SYSTEM, SYSTEM, ASK], "completion": [REPLY]},
            "prompt[1] is a second system prompt, after prompt[0]",
        ),
        "sharegpt": (
            {"system": "You count.", "conversations": [SENT_SYSTEM, HUMAN, GPT]},
            "conversations[0] is a second system prompt, after system",
        ),
    },
    "late system prompt": {
        "messages": ({"messages": [ASK, SYSTEM, REPLY]}, "messages[1] is a system prompt after other turns"),
        "prompt_completion": (
            {"prompt": [ASK, SYSTEM], "completion": [REPLY]},
            "prompt[1] is a system prompt after other turns",
        ),
        "sharegpt": (
            {"conversations": [HUMAN, SENT_SYSTEM, GPT]},
            "conversations[1] is a system prompt after other turns",
        ),
    },
    "empty turn": {
        "messages": ({"messages": [ASK, {**REPLY, "content": "\n"}]}, "messages[1] is empty"),
        "prompt_completion": (
            {"prompt": [{**ASK, "content": ""}], "completion": [REPLY]},
            "prompt[0] is empty",
        ),
        "sharegpt": ({"conversations": [{**HUMAN, "value": " "}, GPT]}, "conversations[0] is empty"),
        "alpaca": (
            {"instruction": "a", "output": "#### 5", "history": [["b", ""]]},
            "history[0][1] is empty",
        ),
    },
    "null text": {
        "messages": ({"messages": [{**ASK, "content": None}, REPLY]}, "messages[0] has no text"),
        "prompt_completion": (
            {"prompt": [ASK], "completion": [{**REPLY, "content": None}]},
            "completion[0] has no text",
        ),
        "sharegpt": ({"conversations": [HUMAN, {**GPT, "value": None}]}, "conversations[1] has no text"),
        "alpaca": (
            {"instruction": "a", "output": "#### 5", "history": [[None, "b"]]},
            "history[0][0] has no text",
        ),
    },
    "null turn": {
        "messages": ({"messages": [None, REPLY]}, "messages[0] is a NoneType, not an object"),
        "prompt_completion": (
            {"prompt": [None], "completion": [REPLY]},
            "prompt[0] is a NoneType, not an object",
        ),
        "sharegpt": ({"conversations": [HUMAN, None]}, "conversations[1] has no 'from' (it has NoneType)"),
        "alpaca": ({"instruction": "a", "output": "#### 5", "history": [None]}, "history[0] is not a list"),
    },
    "null column": {
        "messages": ({"messages": None}, "column 'messages' is null"),
        "prompt_completion": ({"prompt": None, "completion": [REPLY]}, "column 'prompt' is null"),
        "sharegpt": ({"conversations": None}, "column 'conversations' is null"),
        "alpaca": ({"instruction": None, "output": "#### 5"}, "column 'instruction' is null"),
    },
    "missing column": {
        "messages": ({"chat": [ASK, REPLY]}, "column 'messages' is missing (the row has 'chat')"),
        "prompt_completion": ({"prompt": [ASK]}, "column 'completion' is missing (the row has 'prompt')"),
        "sharegpt": ({"chat": [HUMAN, GPT]}, "column 'conversations' is missing"),
        "alpaca": ({"instruction": "a"}, "column 'output' is missing (the row has 'instruction')"),
    },
    "column of another type": {
        "messages": ({"messages": 3}, "column 'messages' holds a int, not a list"),
        "prompt_completion": ({"prompt": [ASK], "completion": {}}, "column 'completion' holds a dict"),
        "sharegpt": ({"conversations": {}}, "column 'conversations' holds a dict, not a list"),
        "alpaca": (
            {"instruction": "a", "output": "#### 5", "history": 3},
            "column 'history' holds a int, not a list",
        ),
    },
    "tool without a definition": {
        "messages": ({"messages": [ASK, CALL]}, "messages[1] calls the tool 'weather', and the row has no"),
        "prompt_completion": (
            {"prompt": [ASK], "completion": [CALL], "tools": [TIME]},
            "completion[0] calls the tool 'weather', and 'tools' defines time",
        ),
        "sharegpt": (
            {"conversations": [HUMAN, SENT_CALL, RESULT, GPT], "tools": json.dumps([TIME])},
            "conversations[1] calls the tool 'weather', and 'tools' defines time",
        ),
    },
    "call that is not JSON": {
        "messages": (
            {
                "messages": [
                    ASK,
                    {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": "("}]},
                ],
                "tools": [WEATHER],
            },
            "messages[1] has tool_calls that cannot be read",
        ),
        "sharegpt": (
            {"conversations": [HUMAN, {**SENT_CALL, "value": "weather()"}, RESULT, GPT], "tools": [WEATHER]},
            "column 'conversations[1].value' is not JSON",
        ),
    },
    "reply first": {
        "messages": ({"messages": [REPLY, ASK, REPLY]}, "messages[0] is the assistant's; a conversation"),
        "prompt_completion": (
            {"prompt": [SYSTEM, REPLY, ASK], "completion": [REPLY]},
            "prompt[1] is the assistant's; a conversation begins with the user's turn",
        ),
        "sharegpt": (
            {"conversations": [GPT, HUMAN, GPT]},
            "conversations[0] is the assistant's; a conversation begins with the user's turn",
        ),
    },
    "no reply": {
        "messages": ({"messages": [ASK]}, "column 'messages' has no turn of the assistant"),
        "prompt_completion": ({"prompt": [ASK], "completion": []}, "column 'completion' is empty"),
        "sharegpt": ({"conversations": [HUMAN]}, "column 'conversations' has no turn of the assistant"),
        "alpaca": ({"instruction": "a", "output": ""}, "output is empty"),
    },
    "plain columns": {
        form: ({"question": "q?", "solution": "#### 5"}, f"column {next(iter(row))!r} is missing")
        for form, row in GOOD.items()
    },
}
UNLIKE = ("missing column", "column of another type", "plain columns")
"""Faults that hide the format if the first row has them."""
CASES = [
    pytest.param(form, row, reason, line, id=f"{fault}-{form}-line {line}")
    for fault, forms in BROKEN.items()
    for form, (row, reason) in forms.items()
    for line in ((2,) if fault in UNLIKE else (1, 2))
]


def write(path: Path, *rows: Row) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize(("form", "row", "reason", "line"), CASES)
def test_file_row_and_field_are_named(tmp_path: Path, form: str, row: Row, reason: str, line: int) -> None:
    test = write(tmp_path / "test.jsonl", {"question": "Another?", "solution": "#### 1"})
    rows = [row, GOOD[form]] if line == 1 else [GOOD[form], row]
    config = FileData(train=write(tmp_path / "train.jsonl", *rows), test=test)
    with pytest.raises(ValueError, match="on_bad_row=skip") as caught:
        load_problems(config)
    assert str(caught.value).startswith(f"{tmp_path / 'train.jsonl'}, line {line}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_other_files_name_their_rows(tmp_path: Path, kind: str) -> None:
    test = write(tmp_path / "test.jsonl", {"question": "Another?", "solution": "#### 1"})
    rows = [{"messages": [ASK, REPLY]}, {"messages": [SYSTEM, {**ASK, "content": None}, REPLY]}]
    path = tmp_path / f"train.{kind}"
    if kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "csv":
        quoted = ['"' + json.dumps(row["messages"]).replace('"', '""') + '"' for row in rows]
        path.write_text("\n".join(["messages", *quoted]) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(ValueError, match=r"messages\[1\] has no text") as caught:
        load_problems(FileData(train=str(path), test=test))
    assert str(caught.value).startswith(f"{path}, {'line 3' if kind == 'csv' else 'row 2'}: ")


def test_a_format_that_changes_within_a_file_is_named_by_both(tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", {"question": "Another?", "solution": "#### 1"})
    for one, first in GOOD.items():
        for other, second in GOOD.items():
            if one == other:
                continue
            path = write(tmp_path / "train.jsonl", first, second)
            with pytest.raises(ValueError, match="a source has one format; convert some rows") as caught:
                load_problems(FileData(train=path, test=test))
            assert f"line 2: column {next(iter(first))!r} is missing" in str(caught.value)
