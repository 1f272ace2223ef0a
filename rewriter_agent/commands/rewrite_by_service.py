"""`rewriter-agent rewrite FILE --server URL`: the rows of a file through a rewriting service."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2

from rewriter_agent.client import RefusedError, Rewriter
from rewriter_agent.io.files import batches
from rewriter_agent.io.foreign_json import decode_json
from rewriter_agent.io.given_file import check_file
from rewriter_agent.io.progress import Progress
from rewriter_agent.serve.schema import Problem, Rewrite

AT_A_TIME = 256
"""Rows of one request."""


def rewrite_by_service(source: Path, output: Path, server: str) -> str:
    """Write a line for each row of `source`, in order; rows whose lines are there are not sent again.

    Raises:
        ValueError: the file cannot be read, or the service does not answer or refuses the request.
    """
    check_file(source, "rewrite", "give a JSON Lines file")
    progress, counts = Progress("rewrite"), Counter[str]()
    done = _keep_whole_lines(output)
    with source.open("rb") as given:
        total = sum(1 for line in given if line.strip())
    with Rewriter(server) as service, output.open("a", encoding="utf-8") as lines:
        for rows in batches(islice(_rows(source), done, None), AT_A_TIME):
            for answer in _answers(service, rows, server):
                counts[answer["outcome"] if "outcome" in answer else answer["error"]["code"]] += 1
                lines.write(json.dumps(answer, ensure_ascii=False) + "\n")
            lines.flush()
            done += len(rows)
            progress.share(done, total, "rows")
    return f"{output}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _answers(service: Rewriter, rows: list[dict[str, Any]], server: str) -> list[dict[str, Any]]:
    """Answers to the rows, in order."""
    try:
        found = dict(service.rewrite_many(rows))
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise ValueError(
            f"--server {server}: no service answers ({error}); start one with `rewriter-agent serve RUN`, then re-run "
            "the same command to resume"
        ) from error
    except RefusedError as error:
        raise ValueError(f"--server {server}: {error}") from error
    return [_answer(found[number]) for number in range(len(rows))]


def _answer(found: Rewrite | RefusedError) -> dict[str, Any]:
    if isinstance(found, RefusedError):
        return {"error": {"code": found.code, "message": str(found)}}
    return found.model_dump(mode="json", exclude_none=True)


def _rows(source: Path) -> Iterator[dict[str, Any]]:
    """Fields of each row that the service takes."""
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(line, f"{source}, line {number}")


def _row(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = decode_json(line)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(
            f"{place}: the row is a {type(row).__name__}; give an object with question and solution"
        )
    return {name: row[name] for name in Problem.model_fields if name in row}


def _keep_whole_lines(output: Path) -> int:
    """Cut a line that a killed command has begun; the number of whole lines."""
    if not output.exists():
        return 0
    kept = output.read_bytes()
    whole = kept[: kept.rfind(b"\n") + 1]
    if whole != kept:
        output.write_bytes(whole)
    return whole.count(b"\n")
