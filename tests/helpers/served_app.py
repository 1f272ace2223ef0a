"""A server of this process on a socket of this machine."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from rewriter_agent.commands.serve import listening, make_server


@contextmanager
def served(app: FastAPI, seconds: float = 600) -> Iterator[str]:
    """Serve the application in a thread; the address."""
    with listening("127.0.0.1", 0) as sock:
        server = make_server(app, seconds)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
