"""Classification of users' errors, and their messages."""

import errno
import pkgutil
import random
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from rewriter_agent.io.files import exclusive, write_jsonl
from rewriter_agent.user_errors import CLASSES, MAX_MESSAGE, MAX_QUOTED, blaming, user_message, writing

ROOT = Path("/")


@pytest.mark.parametrize("name", CLASSES)
def test_the_classes_exist_under_their_names(name: str) -> None:
    module, _, class_ = name.rpartition(".")
    kind = pkgutil.resolve_name(f"{module}:{class_}")
    # Some cannot be made without the response that they are about.
    error = kind.__new__(kind)
    error.args = ("broken",)
    assert (user_message(error) or "").endswith(CLASSES[name])


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EMFILE])
def test_a_path_that_cannot_be_used_is_named(number: int) -> None:
    message = user_message(OSError(number, "no", "/data/x"))
    assert message is not None
    assert message.startswith("/data/x: no; ")
    assert user_message(OSError(number, "no")) is None


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), TypeError("x"), AttributeError("x"), OSError(errno.EBADF, "x", "y"), OSError("x")],
)
def test_a_fault_of_the_program_has_no_message(error: Exception) -> None:
    assert user_message(error) is None


def test_a_node_of_ray_that_did_not_start_has_a_message() -> None:
    told = "The current node timed out during startup. This could happen because ..."
    assert "Ray did not start on this machine" in (user_message(Exception(told)) or "")
    assert user_message(Exception("another")) is None
    assert user_message(KeyError(told)) is None


def test_hostile_text_is_cut_and_escaped() -> None:
    message = user_message(ValueError("\x1b[31m" + "x" * 10_000_000 + "; mend it"))
    assert message is not None
    assert message.startswith("\\x1b[31mxxx")
    assert message.endswith("xxx; mend it")
    assert len(message) < 2 * MAX_MESSAGE
    with (
        pytest.raises(ValueError, match=r"^the file \(KeyError: 'xxx") as error,
        blaming("the file", "Mend it."),
    ):
        raise KeyError("x" * 10_000_000)
    assert len(str(error.value)) < 2 * MAX_QUOTED
    assert str(error.value).endswith("xxx'). Mend it.")


def test_a_full_disk_is_nobody_elses_fault() -> None:
    with pytest.raises(OSError, match="full"), blaming("the file", "Mend it."):
        raise OSError(errno.ENOSPC, "full")


def torch_save(folder: Path) -> None:
    torch.save(torch.zeros(2_000_000), folder / "x.pt")


def safetensors_save(folder: Path) -> None:
    save_file({"x": torch.zeros(2_000_000)}, folder / "x.safetensors")


def sqlite_insert(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "x.db")) as database:
        database.execute("create table t (x blob)")
        database.execute("insert into t values (zeroblob(8000000))")
        database.commit()


def parquet_write(folder: Path) -> None:
    pq.write_table(pa.table({"x": [random.Random(0).randbytes(8_000_000)]}), folder / "x.parquet")


def text_write(folder: Path) -> None:
    (folder / "x.txt").write_text("x" * 8_000_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


@pytest.mark.parametrize(
    "write",
    [torch_save, safetensors_save, sqlite_insert, parquet_write, text_write],
    ids=lambda f: f.__name__,
)
def test_every_library_that_fills_a_disk_is_understood(
    small_disk: Path, write: Callable[[Path], None]
) -> None:
    with pytest.raises(Exception) as error:  # noqa: PT011
        write(small_disk)
    assert "no disk space left" in (user_message(error.value) or "")


@pytest.mark.parametrize(
    "write",
    [torch_save, safetensors_save, sqlite_insert, parquet_write, text_write],
    ids=lambda f: f.__name__,
)
def test_a_full_disk_is_named(small_disk: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(OSError, match="No space left on device") as error, writing(small_disk / "new", ROOT):
        write(small_disk)
    assert f"no disk space left: {small_disk / 'new'}. Free some" in (user_message(error.value) or "")


def test_a_file_that_does_not_fit_is_named_and_nothing_is_left(small_disk: Path) -> None:
    path = small_disk / "rows.jsonl"
    with pytest.raises(OSError, match="No space left on device") as error:
        write_jsonl(path, [{"text": "x" * 8_000_000}])
    assert f"no disk space left: {path}. Free some" in (user_message(error.value) or "")
    assert list(small_disk.iterdir()) == []


def test_a_worker_whose_disk_is_full_names_its_file(tmp_path: Path) -> None:
    from ray.exceptions import RayTaskError

    cause = OSError(errno.ENOSPC, "full", "/data/x")
    told = RayTaskError("work", "No space left on device: '/data/x'", cause).as_instanceof_cause()
    with pytest.raises(OSError, match="/data/x") as error, writing(tmp_path):
        raise told
    assert "no disk space left: /data/x. " in (user_message(error.value) or "")


def test_a_full_disk_in_the_work_on_a_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as error, exclusive(tmp_path):
        raise RuntimeError("PytorchStreamWriter failed writing file data.pkl: file write failed")
    assert (error.value.filename or "") in {str(tmp_path), tempfile.gettempdir(), str(Path.home())}
    with pytest.raises(KeyError), exclusive(tmp_path):
        raise KeyError("another")


def test_other_errors_of_the_same_libraries_are_not_about_the_disk() -> None:
    assert user_message(sqlite3.OperationalError("no such table: t")) is None
    assert user_message(RuntimeError("PytorchStreamReader failed reading zip archive")) is None
    # Quoted by a program that wants something else.
    assert user_message(KeyError("No space left on device")) is None


def test_causes_that_form_a_cycle_end() -> None:
    first, second = KeyError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert user_message(first) is None
    second.cause = ValueError("the row is broken")
    assert user_message(first) == "the row is broken"
