"""Data files that are damaged, hostile or of another kind: one message with file and row, or the row is skipped."""

import datetime
import gzip
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewriter_agent.config.data import Columns, FileData, HubData
from rewriter_agent.data.load import load_problems
from rewriter_agent.scoring.grade_rows import read_rows

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
GOOD = [{"question": f"q{i}?", "solution": f"#### {i}"} for i in range(4)]
LINES = "".join(json.dumps(row) + "\n" for row in GOOD)
HOSTILE_LINES = {
    "nesting of 100,000": '{"question": "q?", "solution": "#### 1", "meta": '
    + "[" * 100_000
    + "]" * 100_000
    + "}",
    "nested objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "unclosed nesting": "[" * 200_000,
    "an integer of 5,000 digits": '{"question": "q?", "solution": "#### 1", "id": ' + "1" * 5000 + "}",
    "a negative one in a list": '{"question": "q?", "solution": "#### 1", "ids": [-' + "1" * 5000 + "]}",
    "NUL bytes": '{"question": "q\0?", "solution": "#### 1"}',
    "a pointer in the middle": LFS.decode().splitlines()[0],
}


@pytest.fixture
def good_file(tmp_path: Path) -> str:
    path = tmp_path / "good.jsonl"
    path.write_text('{"question": "test?", "solution": "#### 1"}\n')
    return str(path)


def refusal(config: FileData | HubData) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 the messages are tested
        load_problems(config)
    assert type(error.value) is ValueError
    assert len(str(error.value)) < 1500
    return str(error.value)


def table(path: Path, *answers: object, type_: pa.DataType | None = None) -> FileData:
    """Rows with a gold column of these values."""
    columns = {
        "question": pa.array([f"q{i}?" for i in range(len(answers))]),
        "solution": pa.array(["Count."] * len(answers)),
        "gold": pa.array(answers, type=type_),
    }
    pq.write_table(pa.table(columns), path)
    return FileData(train=str(path), test_size=1, columns=Columns(answer="gold"))


@pytest.mark.parametrize("line", HOSTILE_LINES.values(), ids=HOSTILE_LINES.keys())
def test_a_hostile_line_is_named_or_skipped(tmp_path: Path, good_file: str, line: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(LINES + line + "\n" + LINES.replace('": "q', '": "r'))
    assert f"{path}, line 5: the line " in refusal(FileData(train=str(path), test=good_file))
    loaded = load_problems(FileData(train=str(path), test=good_file, on_bad_row="skip"))
    assert len(loaded.train) == 8
    assert loaded.counts["train_bad_rows"] == 1
    assert len(loaded.skipped) == 1
    assert loaded.skipped[0].startswith(f"1 of 9 rows skipped; the first: {path}, line 5: the line ")


def test_the_first_bad_row_is_told_if_nothing_is_left(tmp_path: Path, good_file: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("[" * 5000 + "\n")
    message = refusal(FileData(train=str(path), test=good_file, on_bad_row="skip"))
    assert "1 of 1 rows skipped; the first: " in message
    assert "line 1: the line is nested too deep" in message


def _folder(path: Path) -> None:
    path.mkdir()


def _broken_link(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


def _circle(path: Path) -> None:
    path.symlink_to(path)


OLD_LFS = LFS.replace(b"git-lfs.github", b"hawser.github")
OTHER_KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "LFS pointer": (lambda path: path.write_bytes(LFS), "is a Git LFS pointer, not the file itself; fetch"),
    "LFS pointer of an old version": (lambda path: path.write_bytes(OLD_LFS), "is a Git LFS pointer"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(LINES.encode())), "is compressed with gzip"),
    "UTF-16": (lambda path: path.write_text(LINES, "utf-16"), "is text in UTF-16; convert it: iconv"),
    "UTF-32": (
        lambda path: path.write_text(LINES, "utf-32"),
        "is text in UTF-32; convert it: iconv -f UTF-32",
    ),
    "UTF-32, the other order": (
        lambda path: path.write_bytes("\ufeff".encode("utf-32-be") + LINES.encode("utf-32-be")),
        "is text in UTF-32; convert it: iconv -f UTF-32",
    ),
    "error page": (lambda path: path.write_text("\n<!DOCTYPE html><html>404</html>"), "is a web page"),
    "zip": (lambda path: path.write_bytes(b"PK\x03\x04rest"), "is a zip archive; unpack it"),
    "folder": (_folder, "is a folder, not a file"),
    "FIFO": (os.mkfifo, "is a device or pipe, not a file"),
    "broken link": (_broken_link, "is a symbolic link to '"),
    "circle of links": (_circle, "cannot be used (Too many levels of symbolic links)"),
    "nothing": (lambda path: None, "there is no file '"),
}


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize(("make", "reason"), OTHER_KINDS.values(), ids=OTHER_KINDS.keys())
def test_a_file_of_another_kind_is_named(
    tmp_path: Path, good_file: str, make: Callable[[Path], object], reason: str, suffix: str
) -> None:
    path = tmp_path / f"train{suffix}"
    make(path)
    message = refusal(FileData(train=str(path), test=good_file, on_bad_row="skip"))
    assert message.startswith("data.train: ")
    assert str(path) in message
    assert reason in message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_text_without_a_mark_of_its_encoding_is_named(tmp_path: Path, good_file: str, encoding: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(LINES, encoding)
    assert f"it is text in {encoding[:6].upper()}, or a broken copy" in refusal(
        FileData(train=str(path), test=good_file)
    )


def test_a_file_in_the_home_folder_is_read(
    tmp_path: Path, good_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "train.jsonl").write_text(LINES)
    assert len(load_problems(FileData(train="~/train.jsonl", test=good_file)).train) == 4


@pytest.mark.parametrize("name", ["x" * 300 + ".jsonl", "nul\0.jsonl"])
def test_a_path_that_no_file_system_takes(tmp_path: Path, good_file: str, name: str) -> None:
    assert "data.train: the path '" in refusal(FileData(train=str(tmp_path / name), test=good_file))


def test_a_file_without_permission_is_named(
    tmp_path: Path, good_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "train.jsonl"
    path.write_text(LINES)
    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "open", denied)
    message = refusal(FileData(train=str(path), test=good_file))
    assert message.startswith(f"data.train: '{path}' cannot be read (Permission denied)")


def test_text_of_other_systems_is_read(tmp_path: Path, good_file: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n").encode())
    assert len(load_problems(FileData(train=str(path), test=good_file)).train) == 4


@pytest.mark.parametrize("kept", [0, 3, 4, 20, 0.5, 0.9])
def test_a_truncated_parquet_file_is_named(tmp_path: Path, good_file: str, kept: float) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist(GOOD), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    message = refusal(FileData(train=str(path), test=good_file, on_bad_row="skip"))
    assert message.startswith(f"data.train: '{path}' ")
    assert "again" in message


def test_a_parquet_file_with_damaged_pages_is_named(tmp_path: Path, good_file: str) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist(GOOD), path, compression="zstd")
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 120 + whole[124:])
    message = refusal(FileData(train=str(path), test=good_file))
    assert message.startswith(f"{path} cannot be read after row 0 (")


def test_a_missing_column_is_told_once_with_the_others(tmp_path: Path, good_file: str) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([{"problem": "q", "solution": "#### 1"}]), path)
    message = refusal(FileData(train=str(path), test=good_file, on_bad_row="skip"))
    assert message.startswith(f"{path}: column 'question' is missing (there are 'problem', 'solution');")


def test_numbers_of_every_type_are_golds(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"

    def golds(*values: object, type_: pa.DataType) -> set[str]:
        loaded = load_problems(table(path, *values, type_=type_))
        return {problem.answer for problem in (*loaded.train, *loaded.test)}

    price = [Decimal("4.50"), Decimal("-12.00"), Decimal("0.05")]
    assert golds(*price, type_=pa.decimal128(10, 2)) == {"4.50", "-12.00", "0.05"}
    assert golds(Decimal(10) ** 30, Decimal(1), type_=pa.decimal256(40, 0)) == {str(10**30), "1"}
    assert golds(2**64 - 1, 0, type_=pa.uint64()) == {str(2**64 - 1), "0"}
    assert golds(0.5, 2.0, type_=pa.float64()) == {"0.5", "2.0"}
    assert golds("1/2", "3", type_=pa.large_string()) == {"1/2", "3"}
    assert golds("1/2", "3", "3", type_=pa.dictionary(pa.int32(), pa.string())) == {"1/2", "3"}


@pytest.mark.parametrize(
    ("values", "type_", "reason"),
    [
        ([datetime.date(2024, 1, 1)], pa.date32(), "holds a date, not text"),
        ([10**17], pa.timestamp("ms"), "column 'gold' cannot be read ("),
        ([1], pa.timestamp("us", tz="Nowhere/At"), "column 'gold' cannot be read ("),
        ([1], pa.timestamp("us", tz="+99:00"), "column 'gold' cannot be read ("),
        ([b"\xff"], pa.binary(), "holds a bytes, not text"),
        ([[1]], pa.list_(pa.int64()), "holds a list, not text"),
        ([{"a": 1}], pa.struct({"a": pa.int64()}), "holds a dict, not text"),
        ([None], pa.null(), "holds a NoneType, not text"),
        ([None], pa.decimal128(5, 1), "holds a NoneType, not text"),
        ([float("nan")], pa.float64(), "holds nan, not a finite number"),
        ([True], pa.bool_(), "holds a bool, not text"),
    ],
)
def test_a_gold_of_another_type_is_named_with_its_row(
    tmp_path: Path, values: list[object], type_: pa.DataType, reason: str
) -> None:
    path = tmp_path / "train.parquet"
    config = table(path, *values, type_=type_)
    message = refusal(config)
    assert message.startswith(f"{path}, row 1: ")
    assert reason in message
    message = refusal(config.model_copy(update={"on_bad_row": "skip"}))
    assert f"1 of 1 rows skipped; the first: {path}, row 1: " in message


def test_only_the_row_with_a_bad_value_is_skipped(tmp_path: Path, good_file: str) -> None:
    path = tmp_path / "train.parquet"
    texts = pa.array([b"q0?", b"q\xff?", b"q2?"], type=pa.binary()).view(pa.string())
    pq.write_table(pa.table({"question": texts, "solution": ["#### 1"] * 3}), path)
    config = FileData(train=str(path), test=good_file)
    assert refusal(config).startswith(f"{path}, row 2: column 'question' cannot be read (")
    loaded = load_problems(config.model_copy(update={"on_bad_row": "skip"}))
    assert [problem.question for problem in loaded.train] == ["q0?", "q2?"]


def test_what_no_column_asks_for_is_not_read(tmp_path: Path, good_file: str) -> None:
    path = tmp_path / "train.parquet"
    far = pa.array([10**17] * 4, type=pa.timestamp("ms"))
    pq.write_table(pa.Table.from_pylist(GOOD).append_column("when", far), path)
    assert len(load_problems(FileData(train=str(path), test=good_file)).train) == 4


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for a data set on the hub, which no test reaches; it has a training split only."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text(LINES)
    return folder


def test_test_problems_are_split_off_a_data_set_without_a_test_split(hub_folder: Path) -> None:
    message = refusal(HubData(name=str(hub_folder)))
    assert message.startswith(
        f"data.test_split: the data set '{hub_folder}' cannot be loaded, split 'test' ("
    )
    assert "['train']" in message
    assert "set data.test_size=N" in message
    loaded = load_problems(HubData(name=str(hub_folder), test_size=1))
    assert (len(loaded.train), len(loaded.test)) == (3, 1)
    assert "data.test_size is 4, but " in refusal(HubData(name=str(hub_folder), test_size=4))
    with pytest.raises(ValueError, match="set one of the two"):
        HubData(name=str(hub_folder), test_size=1, test_split="test")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(LFS.decode(), "JSON parse error"), ("[" * 5000, "cannot be loaded"), ("", "its files hold no rows")],
)
def test_a_data_set_that_cannot_be_loaded_is_one_message(hub_folder: Path, content: str, reason: str) -> None:
    (hub_folder / "train.jsonl").write_text(content)
    message = refusal(HubData(name=str(hub_folder), test_size=1))
    assert message.startswith(
        f"data.train_split: the data set '{hub_folder}' cannot be loaded, split 'train' ("
    )
    assert reason in message


def test_a_data_set_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "scripted.py").write_text("raise SystemExit('the script ran')")
    assert "cannot be loaded" in refusal(HubData(name=str(folder)))


@pytest.mark.parametrize(("make", "reason"), OTHER_KINDS.values(), ids=OTHER_KINDS.keys())
def test_grading_a_file_of_another_kind(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    path = tmp_path / "in.jsonl"
    make(path)
    with pytest.raises(ValueError, match=r"^grade: ") as error:
        list(read_rows(path, "boxed", "strict"))
    assert reason in str(error.value)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"id": 1, "gold": ' + '{"a":' * 50_000])
def test_grading_a_nested_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(line)
    with pytest.raises(ValueError, match=r"in\.jsonl, line 1: the line is nested too deep"):
        list(read_rows(path, "boxed", "strict"))
