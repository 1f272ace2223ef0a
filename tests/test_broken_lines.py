"""The lines that `make broken-lines` breaks are still in the code."""

from pathlib import Path

from scripts.broken_lines import ROOT, broken_lines


def test_each_line_to_break_is_in_its_file_once_and_has_tests() -> None:
    lines = broken_lines()
    assert len(lines) == 20
    assert {Path(one.file).parts[0] for one in lines} == {"cluster", "reward", "rewriter_agent", "sft"}
    for one in lines:
        assert (ROOT / one.file).read_text(encoding="utf-8").count(one.part) == 1, one
        assert one.part != one.broken
        assert (ROOT / one.tests).exists(), one
