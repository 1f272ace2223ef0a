"""Quotation of a text in Markdown."""

import re


def fenced(text: str) -> str:
    """Put a text in a fence that is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(4, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
