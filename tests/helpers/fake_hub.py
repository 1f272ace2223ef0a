"""A fake Hugging Face Hub on loopback, with the protocol for creating repos and committing to them."""

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

FORBIDDEN = "someone-else"
"""An owner under whom the token may not write."""


class FakeHub(ThreadingHTTPServer):
    """Server that keeps the uploads."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[str] = []
        self.tokens: set[str | None] = set()
        self.private: dict[str, bool] = {}
        """Existing repos, as `models/owner/name` or `datasets/owner/name`."""
        self.commits: dict[str, list[dict[str, bytes]]] = {}
        """Files by name, of each commit to a repo."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: FakeHub

    def do_GET(self) -> None:
        self._note()
        repo = self.path.removeprefix("/api/")
        if repo in self.server.private:
            self._answer(200, {"id": repo.split("/", 1)[1], "private": self.server.private[repo]})
        else:
            self._answer(404, {"error": "Repository not found"})

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.removeprefix("/api/")
        if path == "repos/create":
            self._create(json.loads(body))
        elif path == "validate-yaml":
            self._answer(200, {})
        elif path.endswith("/preupload/main"):
            names = [file["path"] for file in json.loads(body)["files"]]
            self._answer(
                200, {"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]}
            )
        else:
            self._commit(path.removesuffix("/commit/main"), [json.loads(line) for line in body.splitlines()])

    def _create(self, wanted: dict[str, Any]) -> None:
        kind, owner, name = wanted.get("type", "model"), wanted["organization"], wanted["name"]
        repo = f"{kind}s/{owner}/{name}"
        if owner == FORBIDDEN:
            self._answer(403, {"error": "You don't have the rights to create a model under this namespace"})
        elif repo in self.server.private:
            self._answer(409, {"error": "You already created this repo", "url": self._url(repo)})
        else:
            self.server.private[repo] = wanted["visibility"] == "private"
            self._answer(200, {"url": self._url(repo)})

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        assert repo in self.server.private
        files = [line["value"] for line in lines if line["key"] == "file"]
        received = {file["path"]: base64.b64decode(file["content"]) for file in files}
        self.server.commits.setdefault(repo, []).append(received)
        self._answer(200, {"commitUrl": f"{self._url(repo)}/commit/{'0' * 40}", "commitOid": "0" * 40})

    def _url(self, repo: str) -> str:
        return f"{self.server.url}/{repo.removeprefix('models/')}"

    def _note(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        # The library also asks, without a token, for the name of the program that it runs in.
        if self.command == "POST":
            self.server.tokens.add(self.headers["Authorization"])

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@contextmanager
def fake_hub() -> Generator[FakeHub]:
    """A hub that ends with the block."""
    with FakeHub() as hub:
        thread = Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
