"""A Hugging Face Hub on loopback that has the Parquet form of one data set."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

BRANCH, COMMIT = "refs/convert/parquet", "0" * 40


@contextmanager
def parquet_hub(name: str, files: Mapping[str, bytes]) -> Generator[tuple[str, list[str | None]]]:
    """Serve the files of a data set; the address, and the tokens of the requests."""
    tokens: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            tokens.append(self.headers["Authorization"])
            path = unquote(urlsplit(self.path).path)
            listed = path.removeprefix(f"/api/datasets/{name}/tree/{BRANCH}/")
            content = files.get(path.removeprefix(f"/datasets/{name}/resolve/{BRANCH}/"))
            inside = [one for one in files if one.startswith(f"{listed}/")]
            if content is None and inside:
                rows = [
                    {"type": "file", "path": one, "size": len(files[one]), "oid": COMMIT} for one in inside
                ]
                content = json.dumps(rows).encode()
            self.send_response(404 if content is None else 200)
            self.send_header("ETag", f'"{hash(path)}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", tokens
        server.shutdown()
        thread.join()
