"""A server of this process on a socket of this machine."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def served(app: FastAPI, seconds: float = 600, port: int = 0) -> Iterator[str]:
    """Serve the application in a thread, at any free port for 0; the address."""
    with socket.create_server(("127.0.0.1", port)) as sock:
        options = {"access_log": False, "log_level": "warning", "timeout_graceful_shutdown": int(seconds)}
        server = uvicorn.Server(uvicorn.Config(app, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
