"""Batches: every row once and in order, over restarts, seen by their owner alone."""

import json
import re
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.fleet.supervisor import EnginesLostError
from cluster.types import Completion, GenerateRequest
from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.serve.batches import Batches, BatchFolder
from tests.helpers.fake_service import ROW, TOKEN, FailingFleet, fake_app, fake_service
from tests.helpers.served_app import served

ROWS = [{**ROW, "question": f"Question {number}?"} for number in range(300)]


def client_at(address: str) -> httpx2.Client:
    return httpx2.Client(base_url=address, timeout=300)


def upload(client: httpx2.Client, rows: list[Any]) -> httpx2.Response:
    return client.post("/v1/batches", content="".join(json.dumps(row) + "\n" for row in rows))


def wait(client: httpx2.Client, name: str, state: str) -> dict[str, Any]:
    while (found := client.get(f"/v1/batches/{name}").json())["state"] != state:
        assert found["state"] in ("queued", "running")
        time.sleep(0.02)
    return found


def results(client: httpx2.Client, name: str) -> list[dict[str, Any]]:
    response = client.get(f"/v1/batches/{name}/results")
    assert response.headers["content-disposition"].startswith("attachment")
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_batch_answers_every_row_in_order(tmp_path: Path) -> None:
    with served(fake_app(folder=tmp_path)) as address, client_at(address) as client:
        made = upload(client, [*ROWS, {**ROW, "solution": "None."}, {"question": 5}, [], None])
        assert made.status_code == 201
        name = made.json()["id"]
        assert wait(client, name, "done")["done"] == 304
        found = results(client, name)
        assert [one["id"] for one in client.get("/v1/batches").json()] == [name]
        alone = client.post("/v1/rewrites", json=ROWS[7]).json()
    assert len({line["rewrite"]["id"] for line in found[:300]}) == 300
    assert found[7]["rewrite"]["target"] == alone["target"]
    assert [line["error"]["code"] for line in found[300:]] == ["bad_row", *["invalid_row"] * 3]


class LostFleet(FailingFleet):
    """Engines that are lost at the first row of the second part."""

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        number = re.search(r"Question (\d+)", "".join(map(chr, requests[0].prompt_ids)))
        if number and int(number[1]) >= 256:
            raise EnginesLostError("no engine is left")
        return super().generate(requests)


def test_a_new_service_resumes_what_an_earlier_one_left(tmp_path: Path) -> None:
    lost = fake_service(LostFleet(0))
    with served(fake_app(lost, folder=tmp_path)) as address, client_at(address) as client:
        name = upload(client, ROWS).json()["id"]
        while client.get("/health").status_code == 200:
            time.sleep(0.02)
        before = results(client, name)
    assert len(before) == 256
    [part] = tmp_path.glob("*/parts/part-000000.jsonl")
    written = part.stat().st_mtime_ns
    with served(fake_app(folder=tmp_path)) as address, client_at(address) as client:
        wait(client, name, "done")
        after = results(client, name)
    assert after[:256] == before
    assert len({line["rewrite"]["id"] for line in after}) == len(after) == 300
    assert part.stat().st_mtime_ns == written


def test_a_cancelled_batch_stops_and_the_next_one_runs(tmp_path: Path) -> None:
    slow = fake_service(FailingFleet(0.02))
    with (
        served(fake_app(slow, folder=tmp_path)) as address,
        client_at(address) as client,
    ):
        first = upload(client, ROWS).json()["id"]
        second = upload(client, ROWS[:2]).json()["id"]
        assert client.post(f"/v1/batches/{first}/cancel").json()["state"] == "cancelled"
        assert wait(client, second, "done")["done"] == 2
        assert client.post(f"/v1/batches/{second}/cancel").json()["state"] == "done"
        assert client.get(f"/v1/batches/{first}").json()["done"] < 300


def test_a_batch_that_ends_while_it_is_asked_for_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = BatchFolder(tmp_path / ("0" * 16))
    (batch.path / "parts").mkdir(parents=True)
    batch.record.write_text('{"owner": "", "rows": 1, "created": 0}')
    batch.pace.write_text('{"start": 0, "done": 0}')

    def last_part(batch: BatchFolder) -> int:
        batch.part(0).write_text("{}\n")
        batch.pace.unlink(missing_ok=True)
        return len(batch.parts())

    store = Batches(tmp_path, ServeConfig())
    assert store.status("", batch.path.name).state == "running"
    monkeypatch.setattr(BatchFolder, "done", property(last_part))
    assert store.status("", batch.path.name).state == "done"
    monkeypatch.setattr(BatchFolder, "done", property(lambda batch: 0))
    assert store.status("", batch.path.name).state == "queued"


def test_a_batch_is_seen_by_its_owner_alone(tmp_path: Path) -> None:
    with served(fake_app(folder=tmp_path, tokens=[TOKEN, f"{TOKEN}2"])) as address:
        mine, other = (
            httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {token}"})
            for token in (TOKEN, f"{TOKEN}2")
        )
        name = upload(mine, ROWS[:1]).json()["id"]
        assert mine.get(f"/v1/batches/{name}").status_code == 200
        assert other.get("/v1/batches").json() == []
        for path in (f"/v1/batches/{name}", f"/v1/batches/{name}/results"):
            assert other.get(path).json()["error"]["code"] == "no_batch"
        assert other.post(f"/v1/batches/{name}/cancel").status_code == 404


@pytest.mark.parametrize("name", ["..", "%2e%2e%2f%2e%2e", "0" * 16, "x", "0123456789abcdef%00", "a/b"])
def test_a_name_never_reaches_the_file_system(tmp_path: Path, name: str) -> None:
    (tmp_path / "batch.json").write_text('{"owner": "", "rows": 1, "created": 0}')
    with (
        served(fake_app(folder=tmp_path / "batches")) as address,
        client_at(address) as client,
    ):
        for path in (f"/v1/batches/{name}", f"/v1/batches/{name}/results"):
            assert client.get(path).status_code == 404


def test_limits_leave_nothing_behind(tmp_path: Path) -> None:
    app = fake_app(folder=tmp_path, limits=ServeConfig(max_batch_mb=0.001, max_batches=1))
    with served(app) as address, client_at(address) as client:
        assert upload(client, ROWS).status_code == 413
        assert upload(client, []).json()["error"]["code"] == "no_rows"
    assert not list(tmp_path.iterdir())


def test_a_parquet_file_is_read_by_its_columns(tmp_path: Path) -> None:
    rows = [
        {**row, "answer": "5" if number else None, "other": number} for number, row in enumerate(ROWS[:3])
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    content = (tmp_path / "rows.parquet").read_bytes()
    batches = tmp_path / "batches"
    with served(fake_app(folder=batches)) as address, client_at(address) as client:
        name = client.post("/v1/batches", content=content).json()["id"]
        wait(client, name, "done")
        assert len({line["rewrite"]["id"] for line in results(client, name)}) == 3
        other = tmp_path / "other.parquet"
        pq.write_table(pa.table({"question": ["How many?"]}), other)
        for bad in (content[:-20], b"PAR1" * 100, other.read_bytes()):
            refused = client.post("/v1/batches", content=bad)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_file")
    assert [path.name for path in batches.iterdir()] == [name]


def test_a_client_that_leaves_during_an_upload_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with served(fake_app(folder=tmp_path)) as address:
        with socket.create_connection(("127.0.0.1", httpx2.URL(address).port)) as client:
            client.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            while not list(tmp_path.iterdir()):
                time.sleep(0.01)
        while list(tmp_path.iterdir()):
            time.sleep(0.01)
    assert "Traceback" not in capfd.readouterr().err
