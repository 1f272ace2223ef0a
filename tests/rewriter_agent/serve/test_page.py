"""The pages as a browser without scripts uses them."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

from tests.helpers.fake_service import ROW, TOKEN, client_of, fake_app
from tests.helpers.served_app import served


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx2.Client]:
    with served(fake_app(folder=tmp_path)) as address, httpx2.Client(base_url=address) as client:
        yield client


class Elements(HTMLParser):
    """Tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_pasted_row_shows_target_candidates_colours_and_cost(client: httpx2.Client) -> None:
    form = client.get("/").text
    assert {"question", "solution", "answer", "convention"} <= {
        one[1].get("name") for one in Elements(form).found
    }
    page = client.post(
        "/", data={**ROW, "solution": ROW["solution"].replace("\n", "\r\n"), "convention": "####"}
    ).text
    assert "<strong>rewritten</strong>" in page
    assert page.count("refused: <code>wrong_answer</code>") + page.count("passed</h3>") == 7
    assert page.count("the target</h3>") == 1
    assert 'class="t1"' in page or 'class="t2"' in page
    assert "8 candidates" in page
    assert ROW["question"] in page


def test_a_wrong_row_says_what_to_change_and_keeps_what_was_typed(client: httpx2.Client) -> None:
    for data, told in (
        ({"question": "Mine?"}, "solution: Field required"),
        ({**ROW, "solution": "No."}, "no answer"),
    ):
        response = client.post("/", data=data)
        assert response.status_code == 422
        assert 'role="alert"' in response.text
        assert told in response.text
        assert data["question"] in response.text


def test_texts_are_escaped_and_nothing_is_loaded(client: httpx2.Client) -> None:
    attack = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    page = client.post("/", data={**ROW, "question": attack, "convention": attack}).text
    tags = [tag for tag, _ in Elements(page).found]
    assert not {"script", "img", "link", "iframe"} & set(tags)
    assert "&lt;script&gt;" in page
    links = [
        attributes.get(name) or ""
        for _, attributes in Elements(page).found
        for name in ("src", "href", "action")
    ]
    assert all(link == "" or link.startswith("/") for link in links)
    assert "default-src 'none'" in page


def test_every_field_has_a_label_and_a_phone_has_a_viewport(client: httpx2.Client) -> None:
    for path in ("/", "/batches"):
        page = client.get(path).text
        assert 'name="viewport"' in page
        assert '<html lang="en">' in page
        for field in re.findall(r"<(?:textarea|input|select)\b", page):
            assert page.rfind("<label>", 0, page.index(field)) > page.rfind("</label>", 0, page.index(field))


def test_a_file_is_uploaded_watched_and_downloaded(client: httpx2.Client) -> None:
    content = "".join(json.dumps({**ROW, "question": f"Question {number}?"}) + "\n" for number in range(3))
    sent = client.post("/batches", files={"file": ("../../rows.jsonl", content)})
    assert (sent.status_code, sent.headers["location"]) == (303, "/batches")
    while 'http-equiv="refresh"' in (page := client.get("/batches").text):
        pass
    assert "3 of 3" in page
    [download] = [str(one["href"]) for tag, one in Elements(page).found if tag == "a" and "download" in one]
    assert len(client.get(download).text.splitlines()) == 3
    assert "Cancel" not in page


def test_a_locked_service_asks_for_its_token_once() -> None:
    client = client_of(fake_app(tokens=[TOKEN]))
    assert "Sign in" in client.get("/").text
    assert ROW["question"] not in client.get("/").text
    assert client.post("/", data=ROW).status_code == 401
    wrong = client.post("/sign-in", data={"token": "wrong"})
    assert wrong.status_code == 401
    assert "no token of the service" in wrong.text
    signed = client.post("/sign-in", data={"token": TOKEN}, follow_redirects=False)
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "<strong>" in client.post("/", data=ROW).text


def test_an_upload_that_is_refused_says_why_on_the_page(client: httpx2.Client) -> None:
    response = client.post("/batches", files={"file": ("rows.jsonl", b"")})
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("text/html")
    assert 'role="alert">there is no row' in response.text
    assert "at most 16 MiB here" in response.text
