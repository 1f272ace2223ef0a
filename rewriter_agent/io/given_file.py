"""Checks of a file that the user names: it exists, can be read, and is of the kind that its name says."""

import stat
from pathlib import Path

HEAD = 512
"""Number of leading bytes that identify a file's kind."""
LFS_POINTERS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
"""The second is of the first versions of Git LFS."""
PARQUET = b"PAR1"
ANY = b""
"""First bytes of a binary file without a magic number."""
KINDS: tuple[tuple[bytes, str, str], ...] = (
    *(
        (pointer, "a Git LFS pointer, not the file itself", "fetch the file with `git lfs pull`")
        for pointer in LFS_POINTERS
    ),
    (b"\x1f\x8b", "compressed with gzip", "decompress it with gunzip"),
    (b"BZh", "compressed with bzip2", "decompress it with bunzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz", "decompress it with unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it with unzstd"),
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (PARQUET, "a Parquet file, not text", "name it .parquet if its rows are wanted"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"SQLite format 3", "an SQLite database", "export its rows"),
    (b"GGUF", "a GGUF file", "give the model as save_pretrained writes it: config.json and safetensors"),
    # UTF-32 in this byte order begins with UTF-16's mark.
    (b"\xff\xfe\x00\x00", "text in UTF-32", "convert it: iconv -f UTF-32 -t UTF-8"),
    (b"\x00\x00\xfe\xff", "text in UTF-32", "convert it: iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"),
)
"""First bytes, kind of file, and advice."""
MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")


def check_file(path: Path, what: str, change: str, expected: bytes | None = None) -> None:
    """Raise ValueError unless `path` is a readable file of the expected kind.

    Args:
        path: Symbolic links are followed.
        what: Config key or option that names it, for the message.
        change: Advice if there is no such file.
        expected: First bytes of its kind; None for UTF-8 text.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_symlink():
            reason = f"'{path}' is a symbolic link to '{path.readlink()}', which does not exist"
            raise ValueError(f"{what}: {reason}; {change}") from error
        raise ValueError(f"{what}: there is no file '{path}'; {change}") from error
    except (OSError, ValueError) as error:  # A ValueError: the path holds a NUL byte.
        raise ValueError(f"{what}: the path '{path}' cannot be used ({_reason(error)}); {change}") from error
    if stat.S_ISDIR(mode):
        raise ValueError(f"{what}: '{path}' is a folder, not a file; {change}")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{what}: '{path}' is a device or pipe, not a file; save what it gives as a file")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise ValueError(f"{what}: '{path}' cannot be read ({_reason(error)}); {change}") from error
    check_kind(head, path, what, expected)


def check_kind(head: bytes, path: Path, what: str, expected: bytes | None = None) -> None:
    """Raise ValueError if a file's first bytes show another kind than `expected` (None: UTF-8 text)."""
    if expected is not None and not head:
        raise ValueError(f"{what}: '{path}' is empty; copy or download it again")
    if expected is not None and head.startswith(expected) and not head.startswith(LFS_POINTERS):
        return
    for magic, kind, change in KINDS:
        if head.startswith(magic):
            raise ValueError(f"{what}: '{path}' is {kind}; {change}")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(MARKUP):
        raise ValueError(
            f"{what}: '{path}' is a web page, perhaps an error page of the site that it was downloaded from; download "
            "the file again"
        )
    if expected is None and b"\x00" in head[:2]:
        encoding = "UTF-32" if b"\x00\x00" in head[:4] else "UTF-16"
        raise ValueError(
            f"{what}: '{path}' begins with NUL bytes: it is text in {encoding}, or a broken copy; convert or copy it "
            "again"
        )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
