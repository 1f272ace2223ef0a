"""General prompts, with or without completions, from the package or from a file of the user's."""

from dataclasses import dataclass
from random import Random

from rewriter_agent.config import RunConfig
from rewriter_agent.data.read import read_file
from rewriter_agent.data.values import BadRow, decode_row, text

from .package_prompts import package_prompts

PROMPT, COMPLETION = "prompt", "completion"


@dataclass(frozen=True)
class ReplayText:
    """A general prompt, and its completion if the user gives one."""

    prompt: str
    completion: str | None = None


def read_texts(config: RunConfig) -> list[ReplayText]:
    """Read the prompts of `sft.replay`, with completions if `source` is `file`; a file's are in random order.

    Raises:
        ValueError: the file is missing or damaged, has no row, or has a row that cannot be used.
    """
    replay = config.sft.replay
    assert replay is not None, "called only with the section"
    if replay.path is None:
        return [ReplayText(prompt) for prompt in package_prompts(config.model.name_or_path)]
    columns = (PROMPT, COMPLETION) if replay.source == "file" else (PROMPT,)
    rows = read_file(str(replay.path), "sft.replay.path", columns)
    found = [_text(place, row, columns) for place, row in rows]
    if not found:
        raise ValueError(
            f"sft.replay.path: {replay.path} has no row; give a file with {' and '.join(columns)} in every row"
        )
    return Random(f"replay-{config.seed}").sample(found, min(replay.max_texts, len(found)))


def _text(place: str, row: object, columns: tuple[str, ...]) -> ReplayText:
    try:
        values = decode_row(row)
        return ReplayText(*(text(values, column) for column in columns))
    except BadRow as bad:
        raise ValueError(f"sft.replay.path: {place}: {bad}; correct the row, or leave it out") from bad
