"""General prompts, with or without completions, from the package or from a file of the user's."""

from dataclasses import dataclass
from pathlib import Path

from rewriter_agent.data.read import read_file
from rewriter_agent.data.rows import BadRow, decode_row, text
from sft.config.replay import ReplaySection

PROMPTS = Path(__file__).parent / "prompts.txt"
PROMPT, COMPLETION = "prompt", "completion"


@dataclass(frozen=True)
class ReplayText:
    """A general prompt, and its completion if the user gives one."""

    prompt: str
    completion: str | None = None


def read_texts(replay: ReplaySection) -> list[ReplayText]:
    """Read the prompts, with completions if `source` is `file`.

    Raises:
        ValueError: the file is missing or damaged, has no row, or has a row that cannot be used.
    """
    if replay.path is None:
        return [ReplayText(line) for line in PROMPTS.read_text(encoding="utf-8").splitlines()]
    columns = (PROMPT, COMPLETION) if replay.source == "file" else (PROMPT,)
    found = [
        _text(place, row, columns) for place, row in read_file(str(replay.path), "sft.replay.path", columns)
    ]
    if not found:
        raise ValueError(f"sft.replay.path: {replay.path} has no row; give a file with the columns {columns}")
    return found


def _text(place: str, row: object, columns: tuple[str, ...]) -> ReplayText:
    try:
        values = decode_row(row)
        return ReplayText(*(text(values, column) for column in columns))
    except BadRow as bad:
        raise ValueError(f"sft.replay.path: {place}: {bad}; correct the row, or leave it out") from bad
