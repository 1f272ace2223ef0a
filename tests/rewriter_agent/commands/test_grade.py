"""Command `grade`: a file of texts in, a file of verdicts out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rewriter_agent.scoring.grade_file
from reward import RewardConfig
from rewriter_agent.cli import main
from rewriter_agent.scoring.grade_file import grade_file
from rewriter_agent.scoring.grade_rows import read_rows

CONFIG = RewardConfig(max_verifiers=1)
GOOD = {"id": 1, "gold": "18", "text": r"\boxed{18}"}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(*rows: object) -> Path:
        path = tmp_path / "in.jsonl"
        path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
        return path

    return make


def graded(source: Path, **options: Any) -> list[dict[str, Any]]:
    output = source.with_name("out.jsonl")
    grade_file(source, output, CONFIG, **options)
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_each_row_gets_its_verdict_in_order(write: Write) -> None:
    rows = graded(
        write(
            GOOD,
            {"id": "b", "gold": "18", "text": r"\boxed{19}"},
            {"id": "c", "gold": "18", "text": "It is 18"},
            {"id": "d", "gold": "18", "text": "It is 18", "mode": "lenient"},
            {"id": "e", "gold": "B", "text": "The answer is (b).", "convention": "choice"},
            {"id": "f", "gold": '{"a": 1}', "text": '{"a": 1.0}', "convention": "json"},
            {"id": "g", "gold": "Paris", "text": "#### paris", "convention": "text", "mode": None},
            {"id": "h", "gold": "{", "text": "1", "convention": "json"},
        )
    )
    assert [row["id"] for row in rows] == [1, "b", "c", "d", "e", "f", "g", "h"]
    assert [row["verdict"] for row in rows] == [
        "equal",
        "different",
        "different",
        *["equal"] * 4,
        "undecided",
    ]
    assert [row["extracted"] for row in rows] == ["18", "19", None, "18", "B", '{"a": 1.0}', "paris", "1"]
    assert [row["reason"] for row in rows] == [None, None, "no_answer", *[None] * 4, "invalid_gold"]
    assert all(list(row) == ["id", "verdict", "extracted", "reason", "seconds"] for row in rows)
    assert all(row["seconds"] >= 0 for row in rows)


def test_the_parser_and_programs_run_in_the_sandbox(write: Write) -> None:
    rows = graded(
        write(
            {"id": 1, "gold": r"\sqrt{8}", "text": r"\boxed{2\sqrt{2}}"},
            {"id": 2, "gold": "assert x == 1", "text": "```python\nx = 1\n```", "convention": "python"},
            {"id": 3, "gold": "assert x == 1", "text": "```python\nx = 2\n```", "convention": "python"},
        )
    )
    assert [(row["verdict"], row["reason"]) for row in rows] == [
        ("equal", None),
        ("equal", None),
        ("different", "test_failed"),
    ]


@pytest.mark.parametrize(
    ("literal", "gold"),
    [
        ("18", "18"),
        ("9" * 5000, "9" * 5000),
        ("0.50", "0.50"),
        ("1e5", "1e5"),
        ("0.1234567890123456789", "0.1234567890123456789"),
    ],
)
def test_a_gold_number_is_taken_as_it_is_written(write: Write, literal: str, gold: str) -> None:
    path = write(f'{{"id": 1, "gold": {literal}, "text": "", "score": NaN}}')
    assert [row.gold for row in read_rows(path, "boxed", "strict")] == [gold]


def test_convention_and_mode_of_the_command_hold_where_a_row_names_none(write: Write) -> None:
    bare = {"id": 1, "gold": "18", "text": "#### 18"}
    path = write(bare, bare | {"convention": "boxed", "mode": "strict"})
    assert [row["verdict"] for row in graded(path, convention="####")] == ["equal", "different"]
    assert [row["verdict"] for row in graded(path, mode="lenient")] == ["equal", "different"]


def test_hostile_characters_pass_through(write: Write) -> None:
    rows = graded(
        write(
            r'{"id": "\ud800", "gold": "\ud800", "text": "\\boxed{\ud800}"}',
            r'{"id": 2, "gold": "a\u0000", "text": "\\boxed{b\u0000}"}',
            r'{"id": 3, "gold": "18", "text": "\u0000\udfff"}',
            r'{"id": 4, "gold": "\\sqrt{\ud800}", "text": "\\boxed{\\sqrt{\u0000 2}}"}',
            r'{"id": 5, "gold": "", "text": "\\boxed{18}"}',
        )
    )
    assert [row["id"] for row in rows] == ["\ud800", 2, 3, 4, 5]
    assert rows[0]["verdict"] == "equal"
    assert [rows[1]["verdict"], rows[2]["verdict"]] == ["different", "different"]
    assert rows[3]["verdict"] != "equal"
    assert (rows[4]["verdict"], rows[4]["reason"]) == ("undecided", "invalid_gold")


BAD_ROWS = {
    "not JSON": ("{", "the line is not JSON"),
    "nested too deep": ("[" * 100_000, "nested too deep"),
    "not an object": ([1], "the row is a list"),
    "no id": ({"gold": "1", "text": "1"}, "field 'id' is missing"),
    "no gold": ({"id": 1, "text": "1"}, "field 'gold' is missing"),
    "no text": ({"id": 1, "gold": "1"}, "field 'text' is missing"),
    "a list as id": (GOOD | {"id": [1]}, r"field 'id' holds \[1\]; it must be text or a whole number"),
    "a fraction as id": (GOOD | {"id": 1.5}, "field 'id' holds 1.5"),
    "a boolean as id": (GOOD | {"id": True}, "field 'id' holds true"),
    "a boolean as gold": (GOOD | {"gold": True}, "field 'gold' holds true; it must be text or a number"),
    "NaN as gold": (GOOD | {"gold": float("nan")}, "field 'gold' holds NaN"),
    "null as gold": (GOOD | {"gold": None}, "field 'gold' holds null"),
    "an object as gold": (GOOD | {"gold": {"a": 1}}, "write JSON answers as text"),
    "a number as text": (GOOD | {"text": 5}, "field 'text' holds 5; it must be text"),
    "unknown convention": (
        GOOD | {"convention": "box"},
        "field 'convention' holds \"box\"; allowed: ####, boxed",
    ),
    "unhashable convention": (GOOD | {"convention": []}, r"field 'convention' holds \[\]"),
    "unknown mode": (GOOD | {"mode": "soft"}, "field 'mode' holds \"soft\"; allowed: strict, lenient"),
}


@pytest.mark.parametrize(("row", "message"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_named_before_anything_is_written(write: Write, row: object, message: str) -> None:
    path = write(GOOD, "", row)
    with pytest.raises(ValueError, match=rf"in\.jsonl, line 3: .*{message}"):
        graded(path)
    assert [file.name for file in path.parent.iterdir()] == ["in.jsonl"]


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"id": 1, "gold": "caf\xe9", "text": ""}\n')
    with pytest.raises(ValueError, match=r"in\.jsonl, line 1: the line is not UTF-8"):
        graded(path)


def test_an_empty_file_gives_an_empty_file(write: Write) -> None:
    assert graded(write()) == []


def test_chunks_keep_the_order(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriter_agent.scoring.grade_file, "CHUNK", 3)
    rows = [{"id": i, "gold": str(i % 5), "text": rf"\boxed{{{i % 4}}}"} for i in range(20)]
    result = graded(write(*rows))
    assert [row["id"] for row in result] == list(range(20))
    assert [row["verdict"] == "equal" for row in result] == [i % 5 == i % 4 for i in range(20)]


def test_the_command_prints_a_summary(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(GOOD, GOOD, GOOD | {"text": "none"})
    arguments = ["--output", str(path.with_name("out.jsonl")), "--workers", "1", "--timeout", "5"]
    assert main(["grade", str(path), *arguments]) == 0
    out = capsys.readouterr().out
    assert out.startswith("3 rows in ")
    assert "verdicts: equal 2, different 1, undecided 0\nreasons: no_answer 1\ntimeouts: 0, crashes: 0" in out


BAD_CALLS = {
    "missing input": (["none.jsonl", "--output", "out.jsonl"], "there is no file 'none.jsonl'"),
    "missing folder": (["in.jsonl", "--output", "none/out.jsonl"], "the folder 'none' does not exist"),
    "a folder": (["in.jsonl", "--output", "."], "'.' is a folder"),
    "itself": (["in.jsonl", "--output", "in.jsonl"], "'in.jsonl' is the input itself"),
    "no time": (["in.jsonl", "--output", "o", "--timeout", "0"], "--timeout: Input should be greater than 0"),
    "no worker": (["in.jsonl", "--output", "o", "--workers", "0"], "--workers: Input should be greater"),
    "no schema": (["in.jsonl", "--output", "o", "--json-schema", "s"], "--json-schema: there is no file 's'"),
    "no function": (
        ["in.jsonl", "--output", "o", "--reference", "{verifier: no.py:f}"],
        "--reference: Value error, there is no file 'no.py'",
    ),
    "bad schema": (["in.jsonl", "--output", "o", "--json-schema", "bad.json"], "bad.json: not a JSON Schema"),
    "a pipe": (["in.jsonl", "--output", "pipe"], "'pipe' is a device or pipe, no file"),
    "a link to a pipe": (["in.jsonl", "--output", "link"], "pipe' is a device or pipe, no file"),
    "links in a circle": (["in.jsonl", "--output", "loop"], "'loop' cannot be used"),
    "a long name": (["in.jsonl", "--output", "a" * 250], "the file name is longer than 200 bytes"),
    "a deep schema": (
        ["in.jsonl", "--output", "o", "--json-schema", "deep.json"],
        "deep.json' is nested too deep",
    ),
    "an endless schema": (["in.jsonl", "--output", "o", "--json-schema", "endless.json"], "back to itself"),
    "no patterns": (
        ["in.jsonl", "--output", "o", "--step-patterns", "none.txt"],
        "--step-patterns: Value error, 'none.txt' is neither a pattern nor a file",
    ),
    "half a schema": (
        ["in.jsonl", "--output", "o", "--json-schema", "half.json"],
        "half.json' is not JSON (Expecting value",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_bad_call_is_one_message(
    write: Write,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = write(GOOD).parent
    (folder / "bad.json").write_text('{"type": "objekt"}')
    (folder / "half.json").write_text('{"type": ')
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "endless.json").write_text('{"$ref": "#"}')
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")
    (folder / "loop").symlink_to("loop")
    before = sorted(folder.iterdir())
    monkeypatch.chdir(folder)
    assert main(["grade", *arguments]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith("error: ")
    assert message in stderr
    assert sorted(folder.iterdir()) == before
    assert (folder / "pipe").is_fifo()


def test_a_link_as_output_stays_and_its_target_is_written(write: Write) -> None:
    path = write(GOOD)
    link, target = path.with_name("out.jsonl"), path.with_name("target.jsonl")
    target.write_text("old")
    link.symlink_to(target.name)
    assert [row["verdict"] for row in graded(path)] == ["equal"]
    assert link.is_symlink()
    assert json.loads(target.read_text())["verdict"] == "equal"


def test_options_reach_the_verifier(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(
        {"id": 1, "gold": "the big red car", "text": "#### a red car", "convention": "text"},
        {"id": 2, "gold": '{"a": 1}', "text": '{"a": 1}', "convention": "json"},
        {"id": 3, "gold": "3.14", "text": r"\boxed{3.1415}"},
    )
    output, schema = path.with_name("out.jsonl"), path.with_name("schema.json")
    schema.write_text('{"type": "array"}')
    options = ["--text-min-f1", "0.8", "--json-schema", str(schema), "--tolerance", "0.01", "--workers", "1"]
    assert main(["grade", str(path), "--output", str(output), *options]) == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(row["verdict"], row["reason"]) for row in rows] == [
        ("equal", None),
        ("different", "schema"),
        ("equal", None),
    ]


STEPS = (
    {"id": 1, "gold": "7", "text": "First 5 - 4 = 2, then 5 + 2 = 7.\n#### 7", "question": "5 and 4?"},
    {"id": 2, "gold": "7", "text": "First 3 + 4 = 7.\n#### 7", "question": ["no text"]},
    {"id": 3, "gold": "7", "text": "none", "convention": "json"},
)


def test_steps_are_listed_with_each_row(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(*STEPS)
    output = path.with_name("out.jsonl")
    options = ["--output", str(output), "--convention", "####", "--workers", "1", "--steps"]
    assert main(["grade", str(path), *options]) == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["verdict"] for row in rows] == ["equal", "equal", "different"]
    assert [row["steps"]["checked"] for row in rows] == [2, 1, 0]
    assert rows[0]["steps"]["false"] == [{"text": "5 - 4 = 2", "claimed": "2", "value": "1"}]
    assert rows[1]["steps"] == {"checked": 1, "false": [], "broken": [], "open": []}
    summary = capsys.readouterr().out
    assert "steps: 3 checked, 1 false, in 1 texts; 0 texts have a broken step; 0 texts reached" in summary


def test_steps_of_a_text_that_reaches_the_limit_are_null(write: Write) -> None:
    path = write(*STEPS[:1])
    output = path.with_name("out.jsonl")
    config = RewardConfig(max_verifiers=1, timeout=1e-6)
    summary = grade_file(path, output, config, "####", steps=True)
    assert json.loads(output.read_text())["steps"] is None
    assert "1 texts reached a limit" in str(summary)


def test_steps_are_checked_on_request_only(write: Write) -> None:
    assert ["steps" in row for row in graded(write(*STEPS))] == [False] * 3


def test_an_interrupted_grading_keeps_the_old_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(GOOD)
    output = path.with_name("out.jsonl")
    output.write_text("old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rewriter_agent.scoring.grade_file, "_grade_chunk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade_file(path, output, CONFIG)
    assert output.read_text() == "old"
    assert sorted(file.name for file in path.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_it_imports_neither_torch_nor_ray() -> None:
    code = (
        "import sys, rewriter_agent.cli, rewriter_agent.scoring.grade_file;"
        "print({'torch', 'ray', 'transformers', 'sympy', 'math_verify'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_golds_that_nothing_can_meet_are_named(tmp_path: Path) -> None:
    tests = "def check(candidate):\n    assert candidate(1) == 2\n"
    rows = [
        {"id": "place", "gold": 2, "text": "The answer is (C).", "convention": "choice"},
        {"id": "quotes", "gold": "{'a': 1}", "text": '{"a": 1}', "convention": "json"},
        {
            "id": "unrun",
            "gold": tests,
            "text": "```python\ndef f(x):\n    return x\n```",
            "convention": "python",
        },
        {"id": "solution", "gold": "So 18 it is.\n#### 18", "text": "#### 18", "convention": "####"},
        {"id": "other", "gold": "So 18 it is.\n#### 18", "text": "#### 19", "convention": "####"},
    ]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = grade_file(source, output, RewardConfig())
    graded = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["verdict"] for row in graded] == ["undecided"] * 3 + ["equal", "different"]
    assert [row["reason"] for row in graded[:3]] == ["invalid_gold", "invalid_gold", "no_assertion"]
    assert "golds that no answer can meet: 3; the first: row 'place': '2' is the place of a choice" in str(
        summary
    )


def test_texts_are_graded_against_a_reference_by_the_chosen_checks(write: Write, tmp_path: Path) -> None:
    row = {"gold": "Paris is the capital of France.", "convention": "reference"}
    source = write(
        {"id": 1, "text": "The capital of France is Paris.", **row},
        {"id": 2, "text": "The capital of France is Lyon.", **row},
        {"id": 3, "text": "In 2024 the capital of France is Paris.", "question": "And in 2024?", **row},
    )
    assert [(one["verdict"], one["reason"]) for one in graded(source)] == [
        ("equal", None),
        ("different", "coverage"),
        ("equal", None),
    ]
    (tmp_path / "checks.py").write_text("def asked(question, reference, rewrite): return bool(question)\n")
    checks = f"{{coverage: null, verifier: {tmp_path / 'checks.py'}:asked}}"
    output = tmp_path / "own.jsonl"
    assert main(["grade", str(source), "--output", str(output), "--reference", checks]) == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [one["reason"] for one in rows] == ["verifier", "verifier", None]


def test_tool_calls_are_graded_as_structures(write: Write) -> None:
    gold = '[{"name": "weather", "arguments": {"city": "Rome", "days": 1}}]'
    call = '<tool_call>{"name": "weather", "arguments": {"days": 1.0, "city": "Rome"}}</tool_call>'
    rows = graded(
        write(
            {"id": 1, "gold": gold, "text": f"I look.\n{call}"},
            {"id": 2, "gold": gold, "text": f"I look.\n{call}\n{call}"},
            {"id": 3, "gold": gold, "text": "It is warm."},
            {"id": 4, "gold": "weather('Rome')", "text": call},
        ),
        convention="tool_calls",
    )
    assert [(row["verdict"], row["reason"]) for row in rows] == [
        ("equal", None),
        ("different", None),
        ("different", "no_answer"),
        ("undecided", "invalid_gold"),
    ]
