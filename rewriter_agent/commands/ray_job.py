"""A command as a Ray job: submitted, followed, its exit status returned."""

import asyncio
import logging
import os
import re
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rewriter_agent.io.console import console

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

BUSY = "No available agent"
"""Message of Ray's job server until the node that will run the job has registered."""
BUSY_SECONDS, PAUSE_SECONDS = 180.0, 2.0
OF_RAY = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+\s+[A-Z]+ \w+\.py:\d+ -- |Running entrypoint for job ")
"""Beginnings of the lines that Ray adds to the output of a job."""


def run_job(
    address: str, command: Sequence[str], runtime_env: dict[str, Any], token: str | None = None
) -> int:
    """Submit the command to the job server at `address`, and print its output until it ends; returns 0 if it succeeded.

    Raises:
        ValueError: the server does not answer, refuses the token, or has no capacity for the job for too long.
    """
    client = connect(address, token)
    job = _submit(client, shlex.join(command), runtime_env)
    console.say(f"Ray job {job}")
    return _follow(client, job)


def connect(address: str, token: str | None = None) -> "JobSubmissionClient":
    """Connect to the job server at `address`."""
    # Imported here: `ray` takes a second, and a wrong config is reported before that.
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient
    from requests.exceptions import RequestException

    # Ray logs every file that it does not send, and each step of a submission.
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)
    headers = {"Authorization": f"Bearer {token}"} if token else None
    if not address.startswith(("http://", "https://")):
        raise ValueError(_no_server(address, "the address has to begin with http:// or https://"))
    # Ray prefers addresses in the environment, possibly of another cluster, to its argument.
    given = {name: os.environ.pop(name, None) for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")}
    try:
        return JobSubmissionClient(address, headers=headers)
    except AuthenticationError as error:
        raise ValueError(
            f"the Ray job server at {address} refuses the token: {str(error).splitlines()[0]} "
            "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN (or the file ~/.ray/auth_token) to that of the cluster."
        ) from None
    except (RequestException, ConnectionError, RuntimeError, KeyError) as error:
        raise ValueError(_no_server(address, _first_line(error))) from None
    finally:
        os.environ.update({name: value for name, value in given.items() if value is not None})


def _no_server(address: str, why: str) -> str:
    return (
        f"no Ray job server answers at '{address}' ({why}). Start a cluster (`make cluster`), let "
        "RAY_API_SERVER_ADDRESS name one, for example http://127.0.0.1:8265, or use `rewriter-agent launch`, which "
        "starts one of its own."
    )


def _submit(client: "JobSubmissionClient", entrypoint: str, runtime_env: dict[str, Any]) -> str:
    """Submit the job; retry while the server has no node yet, which happens on a busy machine."""
    from requests.exceptions import RequestException

    deadline = time.monotonic() + BUSY_SECONDS
    waits = False
    while True:
        try:
            return client.submit_job(entrypoint=entrypoint, runtime_env=runtime_env)
        except RequestException as error:
            raise ValueError(
                f"the Ray job server ended before it took the job ({_first_line(error)}). Ray's processes may end in "
                "this way on an overloaded machine: try again."
            ) from error
        except RuntimeError as error:
            if BUSY not in str(error):
                raise ValueError(f"Ray did not take the job: {_first_line(error)}") from error
            if time.monotonic() > deadline:
                raise ValueError(
                    f"the cluster had no machine for the job within {BUSY_SECONDS:g} s ({_first_line(error)}). The "
                    "head may be overloaded, or still starting: try again, or look with `ray status`."
                ) from error
        if not waits:
            console.say("the cluster is not ready to take a job; trying again")
        waits = True
        time.sleep(PAUSE_SECONDS)


def _follow(client: "JobSubmissionClient", job: str) -> int:
    from aiohttp import ClientError
    from requests.exceptions import RequestException

    try:
        asyncio.run(_print_log(client, job))
        return _end(client, job)
    except (ClientError, RequestException, RuntimeError) as error:
        console.say(
            f"the connection to the Ray job server was lost ({_first_line(error)}); the state of job {job} is unknown. "
            "Re-run the same command to resume."
        )
        return 1


async def _print_log(client: "JobSubmissionClient", job: str) -> None:
    begun = ""
    async for text in client.tail_job_logs(job):
        # A chunk may end within a line.
        *lines, begun = (begun + text).split("\n")
        for line in lines:
            show = console.detail if OF_RAY.match(line) else console.say
            show(line)
    if begun:
        console.say(begun)


def _end(client: "JobSubmissionClient", job: str) -> int:
    """Wait until the job has ended, since its log may end a moment earlier."""
    while not (status := client.get_job_status(job)).is_terminal():
        time.sleep(PAUSE_SECONDS / 4)
    if status.value != "SUCCEEDED":
        message = getattr(client.get_job_info(job), "message", None) or "no reason given"
        # The rest of the message repeats the log.
        reason = _first_line(message).partition(", last available logs")[0]
        console.say(f"job {job} {status.value.lower()}: {reason}")
        return 1
    return 0


def _first_line(error: object) -> str:
    return str(error).strip().split("\n")[0][:300]
