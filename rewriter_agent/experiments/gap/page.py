"""The gap as one HTML page, with tokens coloured by how surprising they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.data.reference_errors import ERROR_COLUMNS, error_rows
from rewriter_agent.io.files import atomic
from rewriter_agent.report.coloured import Token, coloured
from rewriter_agent.report.templates import environment
from rewriter_agent.scoring.group_scorer import mean

from .measure import Likelihood, RowGap
from .result import Gap

SHOWN_ROWS, SHOWN_SPANS, SPAN, SHOWN_FAULTS = 5, 12, 8, 10


@dataclass(frozen=True)
class Span:
    """Consecutive tokens that the backbone expects least."""

    text: str
    logprob: float
    """Nats per token."""


def write_page(path: Path, found: Gap, cost: str, tokens: Tokens) -> None:
    """Write the page, which loads nothing, has no scripts, and escapes all text. `cost` is that of the whole data."""
    html = (
        environment("rewriter_agent.experiments.gap")
        .get_template("gap.html.j2")
        .render(
            gap=found,
            cost=cost,
            shown=[
                (row, _tokens(row.expert, tokens), _tokens(row.own[0], tokens))
                for row in found.rows[:SHOWN_ROWS]
            ],
            shown_faults=SHOWN_FAULTS,
            error_columns=ERROR_COLUMNS,
            error_rows=error_rows(found.reference_errors),
            spans=alien_spans(found.rows, SHOWN_SPANS, tokens),
        )
    )
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def alien_spans(rows: Sequence[RowGap], count: int, tokens: Tokens) -> list[Span]:
    """The least likely window of `SPAN` tokens of each row, the least likely rows first."""
    found = sorted((_worst(row.expert) for row in rows), key=lambda window: window[1])[:count]
    return [
        Span("".join(tokens.pieces(text.ids)[start : start + SPAN]), logprob)
        for text, logprob, start in found
    ]


def _tokens(text: Likelihood, tokens: Tokens) -> list[Token]:
    return coloured(tokens.pieces(text.ids), text.logprobs)


def _worst(text: Likelihood) -> tuple[Likelihood, float, int]:
    """The text, and its least likely window's mean log-prob and start."""
    starts = range(max(1, len(text.logprobs) - SPAN + 1))
    means = {start: mean(text.logprobs[start : start + SPAN]) for start in starts}
    start = min(starts, key=lambda start: means[start])
    return text, means[start], start
