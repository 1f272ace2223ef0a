"""The service's process: a real server on a socket of this machine."""

import socket

import httpx2
import pytest

import rewriter_agent.commands.serve as command
from rewriter_agent.config.serve import ServeConfig
from tests.helpers.fake_service import ROW, fake_app
from tests.helpers.served_app import served


def test_rows_are_answered_and_no_text_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with served(fake_app()) as address:
        answer = httpx2.post(f"{address}/v1/rewrites", json=ROW)
        refused = httpx2.post(f"{address}/v1/rewrites", json={"rows": [ROW, {"question": ROW["question"]}]})
    assert answer.json()["outcome"] == "rewritten"
    assert refused.status_code == 422
    out, err = capfd.readouterr()
    assert ROW["question"] not in out + err


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    app = fake_app(limits=ServeConfig(max_seconds=2))
    with served(app) as address, socket.create_connection(("127.0.0.1", httpx2.URL(address).port)) as client:
        client.sendall(b"POST /v1/rewrites HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert client.recv(4096).startswith(b"HTTP/1.1 408")


def test_an_address_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ValueError, match=f"--port {port}: .*choose another"):
            command.free_port("127.0.0.1", port)
