"""Tables for the terminal."""

from collections.abc import Sequence

from tabulate import tabulate


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], labels: int = 1) -> str:
    """Align the first `labels` columns to the left and the others, which are numbers, to the right."""
    aligned = ["left"] * labels + ["right"] * (len(header) - labels)
    return tabulate(rows, header, tablefmt="plain", disable_numparse=True, colalign=aligned)
