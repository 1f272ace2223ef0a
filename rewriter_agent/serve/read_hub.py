"""Rows of a public data set of the Hugging Face Hub as JSON Lines.

Its arguments are NAME SUBSET SPLIT OUTPUT BYTES SECONDS FIELD=COLUMN... It reads the Parquet files that the Hub makes
of each data set. The owner's files are not read: they could name a loader, a path or an address.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, RepoFile

from .read_parquet import set_limits, write_rows

REVISION = "refs/convert/parquet"
"""Branch of the Hub's Parquet files."""


def main(place: tuple[str, str, str], target: Path, limit: int, seconds: int, fields: list[str]) -> None:
    """Write the rows of all files.

    Raises:
        ValueError: there is no file, or they are larger than `limit` bytes.
    """
    set_limits(limit, seconds)
    name, subset, split = place
    # Not the token of the server's owner, who may read more than the public.
    api = HfApi(token=False)
    found = api.list_repo_tree(name, f"{subset}/{split}", revision=REVISION, repo_type="dataset")
    files = sorted((one for one in found if isinstance(one, RepoFile)), key=lambda one: one.path)
    if not files or sum(one.size for one in files) > limit:
        raise ValueError("there is no file, or too much")
    columns = {column: field for field, _, column in (one.partition("=") for one in fields)}
    with target.open("w", encoding="utf-8") as lines:
        for one in files:
            with TemporaryDirectory(dir=target.parent) as folder:
                path = api.hf_hub_download(
                    name, one.path, repo_type="dataset", revision=REVISION, local_dir=folder
                )
                write_rows(path, lines, columns)


if __name__ == "__main__":
    main(
        (sys.argv[1], sys.argv[2], sys.argv[3]),
        Path(sys.argv[4]),
        int(sys.argv[5]),
        int(sys.argv[6]),
        sys.argv[7:],
    )
