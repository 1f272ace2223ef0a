"""A stand-in for Ray's job server: it records the submitted jobs and reports them as run."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from aiohttp import web


class JobServer:
    """Submitted jobs; `busy` submissions are turned away first, `ends` is the status of all jobs.

    With `hangs_up` it closes the connection of a submission without an answer, as a server does that ends.
    """

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.busy = 0
        self.hangs_up = False
        self.asked = 0
        self.ends = "SUCCEEDED"
        self.on_submit: Callable[[dict[str, Any]], None] = lambda job: None
        self.address = ""

    async def version(self, request: web.Request) -> web.Response:
        """Version of Ray itself."""
        self.headers.append(dict(request.headers))
        return web.json_response({"version": "4", "ray_version": ray.__version__, "ray_commit": ""})

    async def package(self, request: web.Request) -> web.Response:
        """Tell that every package of files exists already."""
        return web.Response()

    async def submit(self, request: web.Request) -> web.Response:
        """Record a job."""
        self.asked += 1
        if self.hangs_up and request.transport:
            request.transport.close()
        if self.asked <= self.busy:
            return web.Response(status=500, text="No available agent to submit job, please try again later.")
        job = await request.json()
        self.on_submit(job)
        self.submitted.append(job)
        return web.json_response({"job_id": "job", "submission_id": "job"})

    async def log(self, request: web.Request) -> web.WebSocketResponse:
        """Output of a job."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("what the job prints\n")
        await socket.close()
        return socket

    async def info(self, request: web.Request) -> web.Response:
        """Status of a job."""
        job = {"type": "SUBMISSION", "status": self.ends, "entrypoint": "", "message": "exit code 2, last"}
        return web.json_response(job | {"submission_id": "job"})


@contextmanager
def job_server() -> Iterator[JobServer]:
    """Serve on a free port of loopback, in a thread."""
    server, loop, started = JobServer(), asyncio.new_event_loop(), threading.Event()

    async def start() -> None:
        app = web.Application()
        app.router.add_get("/api/version", server.version)
        app.router.add_route("*", "/api/packages/{protocol}/{name}", server.package)
        app.router.add_post("/api/jobs/", server.submit)
        app.router.add_get("/api/jobs/{job}/logs/tail", server.log)
        app.router.add_get("/api/jobs/{job}", server.info)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(30)
    yield server
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
