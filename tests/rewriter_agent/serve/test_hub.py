"""Batches by the name of a data set, with a Hub on loopback."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewriter_agent.config.serve import ServeConfig
from tests.helpers.fake_service import ROW, fake_app
from tests.helpers.parquet_hub import parquet_hub
from tests.helpers.served_app import served

ROWS, NAME = 40, "expert/answers"


def parquet(first: int) -> bytes:
    rows = [
        {"problem": f"Question {first + number}?", "solution": ROW["solution"], "note": "x"}
        for number in range(ROWS // 2)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def hub() -> Iterator[list[str | None]]:
    """A Hub with one data set in two files; the tokens that were sent to it."""
    files = {f"main/train/{number:04d}.parquet": parquet(number * ROWS // 2) for number in range(2)}
    with parquet_hub(NAME, files) as (address, tokens), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", address)
        patch.setenv("HF_TOKEN", "hf_of_the_servers_owner")
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        yield tokens


def name_batch(folder: Path, body: dict[str, Any], **limits: Any) -> tuple[httpx2.Response, list[str]]:
    """The response to a named batch, and its results when it is done."""
    with (
        served(fake_app(limits=ServeConfig(**{"allow_hub": True, **limits}), folder=folder)) as address,
        httpx2.Client(base_url=address, timeout=300) as client,
    ):
        made = client.post("/v1/batches/hub", json=body)
        if not made.is_success:
            return made, []
        path = f"/v1/batches/{made.json()['id']}"
        while client.get(path).json()["state"] != "done":
            time.sleep(0.02)
        return made, client.get(f"{path}/results").text.splitlines()


def test_a_data_set_is_rewritten_by_its_name(hub: list[str | None], tmp_path: Path) -> None:
    body = {"name": NAME, "subset": "main", "columns": {"question": "problem"}}
    made, lines = name_batch(tmp_path, body)
    assert (made.status_code, made.json()["rows"]) == (201, ROWS)
    assert len(lines) == len(set(lines)) == ROWS
    assert all('"rewrite"' in line for line in lines)
    assert {path.name for path in tmp_path.glob("*/*")} == {"rows.jsonl", "batch.json", "parts"}
    # The token of the server's owner opens more than the public may see.
    assert set(hub) == {None}


@pytest.mark.parametrize(
    ("body", "limits", "status", "code"),
    [
        ({"name": NAME}, {"allow_hub": False}, 403, "no_hub"),
        ({"name": NAME, "subset": "other"}, {}, 422, "bad_data_set"),
        ({"name": "expert/nothing", "subset": "main"}, {}, 422, "bad_data_set"),
        ({"name": NAME, "subset": "main", "columns": {"solution": "none"}}, {}, 422, "bad_data_set"),
        ({"name": NAME, "subset": "main"}, {"max_batch_mb": 0.001}, 422, "bad_data_set"),
    ],
)
def test_a_data_set_that_cannot_be_used_is_refused(
    hub: list[str | None],
    tmp_path: Path,
    body: dict[str, Any],
    limits: dict[str, Any],
    status: int,
    code: str,
) -> None:
    response, _ = name_batch(tmp_path, body, **limits)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "/etc/passwd"},
        {"name": "../secret"},
        {"name": "squad"},
        {"name": "a/b/c"},
        {"name": "a/b\n"},
        {"name": "https://x/y"},
        {"subset": ".."},
        {"subset": "a/b"},
        {"split": "-x"},
        {"columns": {"question": "a\0b"}},
    ],
)
def test_names_are_no_paths_or_addresses(tmp_path: Path, changes: dict[str, Any]) -> None:
    response, _ = name_batch(tmp_path, {"name": NAME, **changes})
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")
