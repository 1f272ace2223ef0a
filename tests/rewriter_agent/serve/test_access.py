"""Access to the service: tokens, hosts and browsers' requests from other sites."""

from pathlib import Path

import pytest

from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.serve.access import VARIABLE, read_tokens
from tests.helpers.fake_service import ROW, TOKEN, client_of, fake_app

SECOND = "another-token-of-some-length"


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN}\n\n{SECOND}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_another_host_needs_a_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"has no token; set serve\.token_file"):
        read_tokens(ServeConfig(), host)
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_tokens(ServeConfig(), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_none(host: str) -> None:
    assert not read_tokens(ServeConfig(), host)


def test_a_file_holds_a_token_a_line(token_file: Path) -> None:
    tokens = read_tokens(ServeConfig(token_file=token_file), "0.0.0.0")
    names = {tokens.find(f"Bearer {token}") for token in (TOKEN, SECOND)}
    assert len(names) == 2
    assert not names & {TOKEN, SECOND, None}


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (TOKEN, 0o644, "chmod 600"),
        ("\n", 0o600, "holds no token"),
        (f"{TOKEN}\nshort", 0o600, "line 2: a token has"),
    ],
)
def test_a_file_that_protects_nothing_is_refused(token_file: Path, text: str, mode: int, told: str) -> None:
    token_file.write_text(text)
    token_file.chmod(mode)
    with pytest.raises(ValueError, match=told):
        read_tokens(ServeConfig(token_file=token_file), "127.0.0.1")


@pytest.mark.parametrize(
    "header",
    [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"],
)
def test_a_wrong_token_is_told_what_to_send(header: str | None) -> None:
    client = client_of(fake_app(tokens=[TOKEN]))
    headers = {} if header is None else {"Authorization": header}
    for response in (
        client.post("/v1/rewrites", json=ROW, headers=headers),
        client.get("/metrics", headers=headers),
    ):
        assert response.status_code == 401
        assert "Authorization: Bearer TOKEN" in response.json()["error"]["message"]
        assert response.headers["www-authenticate"] == "Bearer"


def test_a_right_token_is_let_in_and_probes_need_none() -> None:
    client = client_of(fake_app(tokens=[TOKEN]))
    assert (
        client.post("/v1/rewrites", json=ROW, headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    )
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""])
def test_a_name_that_an_attacker_resolves_to_this_machine_is_refused(host: str) -> None:
    response = client_of(fake_app()).post("/v1/rewrites", json=ROW, headers={"Host": host})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "wrong_host")


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_names_of_this_machine_are_let_in(host: str) -> None:
    assert client_of(fake_app()).post("/v1/rewrites", json=ROW, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200)])
def test_a_page_of_another_site_cannot_use_the_browser(site: str, status: int) -> None:
    response = client_of(fake_app()).post("/v1/rewrites", json=ROW, headers={"Sec-Fetch-Site": site})
    assert response.status_code == status
