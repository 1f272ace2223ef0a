"""Files of every kind and compression, several at once, and folders of saved data sets."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewriter_agent.config import make_config
from rewriter_agent.config.data import Columns, FileData, HubData
from rewriter_agent.data.load import load_problems
from rewriter_agent.runtime.fingerprints import input_hashes

ROWS = [{"question": f"q{i}, or\n{i}?", "solution": f'"Count" to {i}.\n#### {i}'} for i in range(4)]


def plain(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write the rows as the kind of file that the name says."""
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".json":
            path.write_text(json.dumps(rows, indent=1))
        case ".csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def packed(path: Path, suffix: str) -> Path:
    """Compress a file next to itself, and remove it."""
    content = path.read_bytes()
    path.unlink()
    path = path.with_name(path.name + suffix)
    if suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    else:
        with pa.CompressedOutputStream(str(path), "zstd") as file:
            file.write(content)
    return path


def questions(train: str | list[str], **options: Any) -> list[str]:
    loaded = load_problems(FileData(train=train, test_size=1, **options))
    return sorted(problem.question for problem in (*loaded.train, *loaded.test))


def refusal(train: str | list[str], **options: Any) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 the messages are tested
        questions(train, **options)
    return str(error.value)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
def test_every_kind_of_file_gives_the_same_problems(tmp_path: Path, kind: str, suffix: str) -> None:
    path = plain(tmp_path / f"rows.{kind}", ROWS)
    path = packed(path, suffix) if suffix else path
    assert questions(str(path)) == [row["question"] for row in ROWS]


def test_a_json_file_may_hold_lines(tmp_path: Path) -> None:
    path = plain(tmp_path / "rows.jsonl", ROWS).rename(tmp_path / "rows.json")
    assert len(questions(str(path))) == 4


def test_several_files_and_patterns_are_one_set(tmp_path: Path) -> None:
    plain(tmp_path / "b-1.jsonl", ROWS[:1])
    plain(tmp_path / "b-2.csv", ROWS[1:2])
    last = plain(tmp_path / "c.json", ROWS[2:])
    given = [str(tmp_path / "b-*"), str(last)]
    loaded = load_problems(FileData(train=given, test_size=1))
    assert loaded.counts["train_rows"] == 4
    assert {problem.source for problem in (*loaded.train, *loaded.test)} == set(given)
    assert refusal(str(tmp_path / "d-*.jsonl")).startswith("data.train: no file matches '")
    # A file whose name looks like a pattern is that file.
    odd = plain(tmp_path / "[x].jsonl", ROWS)
    assert len(questions(str(odd))) == 4


def test_nested_columns_are_named_by_their_path(tmp_path: Path) -> None:
    rows = [{"row": {"q": row["question"], "gold": {"text": row["solution"]}}, "id": 1} for row in ROWS]
    columns = Columns(question="row.q", solution="row.gold.text")
    for kind in ("jsonl", "parquet"):
        path = str(plain(tmp_path / f"rows.{kind}", rows))
        assert len(questions(path, columns=columns)) == 4
        wrong = Columns(question="row.p", solution="row.gold.text")
        assert "column 'row.p' is missing (the row has 'q', 'gold'" in refusal(path, columns=wrong)


def test_a_saved_data_set_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    whole = datasets.Dataset.from_list(ROWS)
    whole.select([3, 1, 0]).save_to_disk(tmp_path / "one")
    datasets.DatasetDict(train=whole, test=whole.select([0])).save_to_disk(tmp_path / "both")
    assert questions(str(tmp_path / "one")) == [ROWS[i]["question"] for i in (0, 1, 3)]
    message = refusal(str(tmp_path / "both"))
    assert f"holds the splits test, train; name the folder of one, such as '{tmp_path}/both/test'" in message
    loaded = load_problems(HubData(name=str(tmp_path / "both")))
    assert (len(loaded.train), len(loaded.test)) == (3, 1)
    with pytest.raises(
        ValueError, match=r"data\.test_split: .* has no split 'dev' \(there are test, train\)"
    ):
        load_problems(HubData(name=str(tmp_path / "both"), test_split="dev"))
    (tmp_path / "one" / "data-00000-of-00001.arrow").write_bytes(b"no")
    assert refusal(str(tmp_path / "one")).startswith(f"data.train: '{tmp_path}/one' cannot be read as a data")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_that_is_damaged_is_named(tmp_path: Path, suffix: str) -> None:
    path = packed(plain(tmp_path / "rows.jsonl", ROWS * 1000), suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert str(path) in refusal(str(path))
    path.write_bytes(b"plain")
    path.write_text(json.dumps(ROWS[0]))
    assert f"data.train: '{path}'" in refusal(str(path))
    path = plain(tmp_path / "rows.parquet", ROWS).rename(tmp_path / "table.jsonl")
    assert "is a Parquet file, not text" in refusal(str(packed(path, suffix)))


def test_a_damaged_csv_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('question,solution\n"How, many?",#### 1\nq2?,#### 2,more\n')
    assert f"{path}, line 3: the row has more fields than the first line names columns" in refusal(str(path))
    path.write_text("question,solution\nq1?,#### 1\nq2?\n")
    assert f"{path}, line 3: column 'solution' holds a NoneType" in refusal(str(path))
    path.write_text('question,solution\nq1?,#### 1\n"q2?,#### 2\n')
    assert f"{path} cannot be read after row 1 (" in refusal(str(path))
    path.write_bytes(b"question,solution\nq1?,#### 1\ncaf\xe9?,#### 2\n")
    assert f"{path} cannot be read after row " in refusal(str(path))


@pytest.mark.parametrize("content", ['[{"question": "q", "solu', "[1, 2]", "[" * 100_000, "{}", ""])
def test_a_json_file_without_rows_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content)
    message = refusal(str(path))
    assert str(path) in message
    assert len(message) < 1000


def test_an_edited_or_new_file_changes_the_inputs(tmp_path: Path) -> None:
    def hashes(train: str | list[str]) -> dict[str, str]:
        data = {"source": "file", "train": train}
        return input_hashes(make_config({"name": "a", "model": {"name_or_path": "m"}, "data": data}, []))

    first = plain(tmp_path / "a-1.jsonl", ROWS)
    pattern = str(tmp_path / "a-*")
    alone, listed, matched = hashes(str(first)), hashes([str(first)]), hashes(pattern)
    assert alone == listed
    assert list(alone.values()) == list(matched.values())
    plain(tmp_path / "a-2.jsonl", ROWS[:1])
    assert hashes(pattern) != matched
    assert hashes(str(first)) == alone
