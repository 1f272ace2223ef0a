"""Readings of a candidate: its text as fine-tuning sees it, and as a reader sees it."""

import re
from collections.abc import Sequence

from reward.answers.conventions import FENCED
from reward.answers.extract.visible import visible
from reward.answers.formats.tool_calls import beside
from reward.reasoning import answer_part
from reward.steps import StepReport

_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)


def own_words(text: str, convention: str) -> str:
    """Return the part of a text that answers in words of its own: without reasoning in tags, and calls of tools."""
    answer = answer_part(text)
    return beside(answer) if convention == "tool_calls" else answer


def readings(text: str, convention: str) -> list[str]:
    """Return the text as fine-tuning sees it, and as a reader sees it if that differs.

    Reasoning in tags and calls of tools are left out.
    """
    text = own_words(text, convention)
    seen = text if convention in FENCED else visible(text)
    return [text] if seen == text else [text, seen]


def step_readings(text: str, convention: str) -> list[str]:
    """Return the readings in which claims are looked for.

    Under a convention whose answer is a fenced block, these are the words around the blocks: code has its tests, and
    JSON its structure.
    """
    if convention not in FENCED:
        return readings(text, convention)
    text = answer_part(text)
    around = _BLOCK.sub("\n", text)
    return [] if around == text else [around]


def merge_reports(reports: Sequence[StepReport | None]) -> StepReport | None:
    """Merge the reports on the readings of one text; a reading whose check reached a limit (None) adds nothing."""
    known = [report for report in reports if report is not None]
    if not known:
        return None if reports else StepReport(0, (), ())
    return StepReport(
        max(report.checked for report in known),
        tuple(dict.fromkeys(step for report in known for step in report.false)),
        tuple(dict.fromkeys(step for report in known for step in report.broken)),
        tuple(dict.fromkeys(step for report in known for step in report.open)),
    )
