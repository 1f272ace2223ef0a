"""A file through a service: a line a row, and nothing sent twice."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rewriter_agent.cli import main
from tests.helpers.fake_service import ROW, fake_app
from tests.helpers.served_app import served


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(fake_app()) as address:
        yield address


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [{**ROW, "question": f"Question {number}?", "other": 1} for number in range(6)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {**ROW, "solution": "None."}]))
    return path


def test_each_row_has_its_line(address: str, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = source.with_name("out.jsonl")
    command = ["rewrite", str(source), "--server", address, "--output", str(output)]
    assert main(command) == 0
    whole = output.read_text()
    answers = [json.loads(line) for line in whole.splitlines()]
    assert [answer.get("outcome", answer.get("error", {}).get("code")) for answer in answers][-1] == "bad_row"
    assert {answer["outcome"] for answer in answers[:6]} <= {"rewritten", "expert_fallback"}
    assert "bad_row 1" in capsys.readouterr().out

    lines = whole.splitlines(keepends=True)
    output.write_text("".join(lines[:4]) + lines[4][:20])
    assert main(command) == 0
    again = [json.loads(line) for line in output.read_text().splitlines()]
    assert [answer.get("target") for answer in again] == [answer.get("target") for answer in answers]
    assert output.read_text().startswith("".join(lines[:4]))


@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        ("{", ["--server", "ADDRESS", "--output", "OUT"], "rows.jsonl, line 1: the line is not JSON"),
        ("5\n", ["--server", "ADDRESS", "--output", "OUT"], "the row is a int; give an object"),
        ("{}\n", ["--server", "ADDRESS", "--output", "OUT"], "solution: Field required"),
        ("{}\n", ["--server", "http://127.0.0.1:9", "--output", "OUT"], "no service answers"),
        ("{}\n", ["--server", "ADDRESS"], "belong together"),
        ("{}\n", ["--server", "ADDRESS", "--output", "OUT", "--set", "seed=1"], "leave --set out"),
    ],
)
def test_what_cannot_be_done_is_told(
    address: str, source: Path, text: str, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_text(text)
    places = {"ADDRESS": address, "OUT": str(source.with_name("out.jsonl"))}
    assert main(["rewrite", str(source), *(places.get(argument, argument) for argument in arguments)]) == 2
    assert told in capsys.readouterr().err
