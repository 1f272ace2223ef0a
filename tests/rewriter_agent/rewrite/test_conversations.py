"""Rewritten conversations as data sets, and replies that are not rewritten."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import Dataset, load_dataset
from trl import apply_chat_template

from rewriter_agent.config import RunConfig
from rewriter_agent.config.data import FileData
from rewriter_agent.data.conversation import find_conversations
from rewriter_agent.data.formats import MESSAGES
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import encode_question
from rewriter_agent.io.files import read_table, write_table
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.prepare.records import PREPARED, prepared, prepared_schema
from rewriter_agent.rewrite.conversations import Originals
from rewriter_agent.rewrite.dataset import write_dataset

from .test_dataset import CONFIG, write_rewriting

SYSTEM = {"role": "system", "content": "Count."}
ASK, REPLY = {"role": "user", "content": "How many?"}, {"role": "assistant", "content": "#### 5"}
MORE, LAST = {"role": "user", "content": "And now?"}, {"role": "assistant", "content": "#### 6"}
TOOL = {"type": "function", "function": {"name": "count"}}
CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "count", "arguments": {}}}]}
ALPACA = {"instruction": "Add.", "input": "2 and 3", "output": "#### 5"}
SHAREGPT = {
    "system": "Count.",
    "conversations": [{"from": "human", "value": "How many?"}, {"from": "gpt", "value": "#### 5"}],
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def export(
    folder: Path, *rows: dict[str, Any], targets: int = 1, calls: str = "tool_call", **options: Any
) -> Path:
    """Data set of a rewriting that put `<problem>, <target>` in place of each reply."""
    train = folder / "train.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "test.jsonl").write_text(json.dumps({"question": "q?", "solution": "#### 1"}) + "\n")
    config = FileData(train=str(train), test=str(folder / "test.jsonl"), **options)
    problems = load_problems(config).train
    table = folder / "prepared.parquet"
    ids = {"prompt_ids": [1], "rewriting_prompt_ids": [1], "expert_ids": [1], "expert_logprobs": [-1.0]}
    numbers = {"expert": -1.0, "own": -0.5, "own_ids": [1], "own_logprobs": [-1.0]}
    rows_of = [{**asdict(problem), **ids, **numbers} for problem in problems]
    write_table(table, rows_of, prepared_schema(problems))
    assert [row.problem.conversation for row in prepared(table)] == [one.conversation for one in problems]
    rewritten = [
        {
            **{"problem_id": problem.id, "question": problem.question, "answer": problem.answer},
            **{"convention": "####", "target": k, "target_ids": [1], "target_text": f"{number}, {k}"},
            "outcome": calls if problem.calls_tools else "rewritten",
        }
        for number, problem in enumerate(problems)
        for k in range(1 if problem.calls_tools else targets)
    ]
    count = write_dataset(folder / "dataset", write_rewriting(folder, rewritten), CONFIG, table)
    assert count == {"rows": len(rewritten)}
    return folder / "dataset"


def test_rows_come_back_in_the_form_that_they_came_in(tmp_path: Path) -> None:
    for name, row in {
        "messages": {"messages": [ASK, REPLY, MORE, LAST | {"name": "expert"}]},
        "prompt": {"prompt": [SYSTEM, ASK], "completion": [REPLY]},
        "sharegpt": SHAREGPT,
        "alpaca": ALPACA,
    }.items():
        (tmp_path / name).mkdir()
        [found] = lines(export(tmp_path / name, row) / "original" / "train.jsonl")
        label, ids = found.pop("rewritten_turns"), found.pop("problem_ids")
        assert found.pop("outcomes") == ["rewritten"]
        assert len(ids) == 1
        text = json.dumps(row)
        replaced = json.loads(text.replace("#### 6" if name == "messages" else "#### 5", "0, 0"))
        assert found == replaced
        assert (
            label
            == {
                "messages": ["messages[3]"],
                "prompt": ["completion[0]"],
                "sharegpt": ["conversations[1]"],
                "alpaca": ["output"],
            }[name]
        )


def test_all_replies_of_a_row_come_back_in_one_row(tmp_path: Path) -> None:
    row = {"messages": [ASK, CALL, {"role": "tool", "content": "5"}, REPLY, MORE, LAST], "tools": [TOOL]}
    folder = export(tmp_path, row, {"messages": [MORE, LAST]}, turns="all", targets=2)
    first, second, *others = lines(folder / "original" / "train.jsonl")
    assert first["outcomes"] == ["tool_call", "rewritten", "rewritten"]
    assert first["rewritten_turns"] == ["messages[1]", "messages[3]", "messages[5]"]
    assert [turn.get("content") for turn in first["messages"]] == [
        "How many?",
        None,
        "5",
        "1, 0",
        "And now?",
        "2, 0",
    ]
    assert [turn.get("content") for turn in second["messages"]][3:] == ["1, 1", "And now?", "2, 1"]
    assert first["messages"][1] == CALL
    assert len(others) == 2


def test_trls_form_has_the_prompt_that_was_trained_on(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(LAB_FOLDER), None)
    folder = export(
        tmp_path,
        {"messages": [SYSTEM, ASK, REPLY, MORE, LAST]},
        {"messages": [ASK, REPLY]},
        {"messages": [ASK, CALL], "tools": [TOOL]},
    )
    rows = lines(folder / "data" / "train.jsonl")
    problems = [row.problem for row in prepared(tmp_path / "prepared.parquet")]
    for row, problem in zip(rows[:2], problems, strict=False):
        text = apply_chat_template({key: row[key] for key in ("prompt", "completion")}, tokenizer)["prompt"]
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == encode_question(tokenizer, problem, CONFIG.model.system_prompt)
    assert [message["role"] for message in rows[1]["prompt"]] == ["system", "user"]
    assert rows[2]["completion"] == [CALL]
    assert json.loads(rows[2]["tools"]) == [TOOL]
    assert rows[2]["outcome"] == "tool_call"
    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    assert [part["config_name"] for part in yaml.safe_load(front)["configs"]] == ["default", "original"]
    assert "`original` has the rows in the form that they came in, conversational (messages)" in body
    assert "`tool_call`, the expert's, as it calls tools" in body


def test_a_rewritten_call_is_the_experts_with_the_new_text_beside_it(tmp_path: Path) -> None:
    value = '{"name": "count", "arguments": {}}'
    sharegpt = {
        "conversations": [{"from": "human", "value": "Count."}, {"from": "function_call", "value": value}]
    }
    for name, row in (("messages", {"messages": [ASK, CALL]}), ("sharegpt", sharegpt)):
        (tmp_path / name).mkdir()
        folder = export(tmp_path / name, row | {"tools": [TOOL]}, calls="rewritten")
        [trl] = lines(folder / "data" / "train.jsonl")
        [original] = lines(folder / "original" / "train.jsonl")
        assert trl["completion"][0]["content"] == "0, 0"
        assert trl["completion"][0]["tool_calls"][0]["function"] == json.loads(value)
        if name == "messages":
            assert original["messages"][1] == CALL | {"content": "0, 0"}
        else:
            # There is no place for a text.
            assert original["conversations"] == sharegpt["conversations"]


def test_datasets_reads_both_forms(tmp_path: Path) -> None:
    folder = export(tmp_path, SHAREGPT)
    for name, column in (("default", "prompt"), ("original", "conversations")):
        loaded = load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "cache"))
        assert isinstance(loaded, Dataset)
        assert column in loaded.column_names


def test_plain_questions_keep_their_tables(tmp_path: Path) -> None:
    folder = export(tmp_path, {"question": "q1?", "solution": "#### 5"})
    assert (folder / "data" / "train-00000-of-00001.parquet").exists()
    assert not (folder / "original").exists()
    assert list(next(read_table(tmp_path / "prepared.parquet"))) == PREPARED.names


@pytest.mark.parametrize("option", [{}, {"turns": "all"}, {"format": "sharegpt"}])
def test_only_what_is_set_is_in_the_config(option: dict[str, str]) -> None:
    config = RunConfig.model_validate(
        {
            "name": "a",
            "model": {"name_or_path": "m"},
            "data": {"source": "file", "train": "a.jsonl", **option},
        }
    )
    dumped = config.model_dump(mode="json")["data"]
    assert {key: dumped[key] for key in ("turns", "format") if key in dumped} == option
    assert "messages" not in dumped["columns"]


def test_reasoning_goes_back_into_its_own_field(tmp_path: Path) -> None:
    text = "<think>\nTwo and three.\n</think>\n\n#### 5"
    reply = {"role": "assistant", "content": "#### 5", "reasoning_content": "2 + 3"}
    call = {**CALL, "content": "", "reasoning_content": "I count."}
    chats = [find_conversations(MESSAGES, row, "a", every=False)[0] for row in rows_with(reply, call)]
    targets = [
        {"problem_id": "a", "outcome": "rewritten", "target_text": text},
        {"problem_id": "b", "outcome": "rewritten", "target_text": f"{text}<tool_call>...</tool_call>"},
        {"problem_id": "c", "outcome": "tool_call", "target_text": "as the template writes it"},
    ]
    found = []
    for target, chat in zip(targets, (*chats, chats[1]), strict=True):
        originals = Originals()
        originals.add(target, chat)
        found += [row["messages"][-1] for row in originals.rows()]
    written = {"reasoning_content": "Two and three.", "content": "#### 5"}
    assert found == [{**reply, **written}, {**call, **written}, call]


def rows_with(*replies: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"messages": [ASK, reply], "tools": [TOOL]} for reply in replies]
