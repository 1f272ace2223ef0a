"""Hostile requests: each is answered by a clear refusal or a result, never by a fault of the server."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.fake_service import ROW, TOKEN, client_of, fake_app
from tests.helpers.hostile_requests import BODIES, HEADERS, PATHS
from tests.helpers.served_app import served

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("question", "messages", "solution", "answer", "convention", "candidates", "tokens", "rows")


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of(fake_app())


def check(response: Any) -> None:
    """A refusal has a code and a message; a result is JSON."""
    assert response.status_code < 500, response.text[:500]
    if response.status_code >= 400:
        error = response.json()["error"]
        assert error["code"]
        assert 0 < len(error["message"]) < 2000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", BODIES)
def test_no_body_is_a_fault(client: TestClient, path: str, name: str) -> None:
    check(client.post(path, content=BODIES[name], headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("name", BODIES)
def test_no_form_is_a_fault(client: TestClient, name: str) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = client.post("/", content=BODIES[name], headers={"Content-Type": kind})
        assert response.status_code < 500


def test_a_batch_of_hostile_rows_has_a_line_for_each(tmp_path: Path) -> None:
    rows = [body.replace(b"\n", b" ") for body in BODIES.values() if body]
    with served(fake_app(folder=tmp_path)) as address, httpx2.Client(base_url=address) as client:
        name = client.post("/v1/batches", content=b"\n".join(rows)).json()["id"]
        while client.get(f"/v1/batches/{name}").json()["state"] != "done":
            time.sleep(0.05)
        lines = client.get(f"/v1/batches/{name}/results").text.splitlines()
        assert client.get("/health").status_code == 200
    assert len(lines) == len(rows)
    assert all({"rewrite", "error"} & json.loads(line).keys() for line in lines)


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_is_a_fault(client: TestClient, name: str) -> None:
    locked = client_of(fake_app(tokens=[TOKEN]))
    headers = {key: value.encode("latin-1") for key, value in HEADERS[name].items()}
    for one in (client, locked):
        check(one.post("/v1/rewrites", content=json.dumps(ROW).encode(), headers=headers))


@pytest.mark.parametrize(
    "path", ["/v2/rewrites", "/../x", "/v1/rewrites/../../etc/passwd", "/%00", "/v1/%ff", "/" + "x" * 5000]
)
def test_no_path_is_a_fault(client: TestClient, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        response = client.request(method, path)
        assert 400 <= response.status_code < 500


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), json_values, max_size=5) | json_values)
def test_no_json_is_a_fault(client: TestClient, body: Any) -> None:
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    for path in PATHS:
        check(client.post(path, content=content, headers={"Content-Type": "application/json"}))


def test_afterwards_the_service_works_and_no_row_is_counted(client: TestClient) -> None:
    assert client.post("/v1/rewrites", json=ROW).json()["outcome"] == "rewritten"
    assert "service_rows_in_progress 0.0" in client.get("/metrics").text
