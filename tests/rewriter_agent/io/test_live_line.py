"""The live line of a terminal."""

import io
import re

import pytest
from rich.console import Console

from rewriter_agent.io.live_line import LiveLine

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """What a terminal would show: the lines that stay, and the live line."""

    def __init__(self, width: int = 100) -> None:
        self.stream = io.StringIO()
        terminal = Console(file=self.stream, force_terminal=True, width=width, color_system=None)
        self.live = LiveLine(terminal)

    def show(self, *lines: str, verbose: bool = False) -> None:
        for line in lines:
            self.live.show(line, verbose)

    @property
    def lines(self) -> list[str]:
        """Redraw, and apply the control sequences that move up and erase."""
        self.live._progress.refresh()
        shown = [""]
        for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", self.stream.getvalue()):
            if part == "\n":
                shown.append("")
            elif part == "\x1b[2K":
                shown[-1] = ""
            elif part == "\x1b[1A":
                shown.pop()
            elif not CONTROL.fullmatch(part) and part != "\r":
                shown[-1] += part
        return [line.rstrip() for line in shown if line.strip()]


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_lines_stay_and_counted_work_is_one_live_line(screen: Screen) -> None:
    screen.show(
        "[rewrite 00:00] starting: stage 3 of 10",
        "[rewrite 00:28] 16/48 problems | 12% of candidates pass",
        "engine policy-0 died; starting another",
        "[rewrite 00:57] 32/48 problems | 9% of candidates pass | about 00:29 left",
    )
    start, engine, live = screen.lines
    assert start == "[rewrite 00:00] starting: stage 3 of 10"
    assert engine == "engine policy-0 died; starting another"
    assert re.fullmatch(
        r"rewrite \(3/10\) \S+ +32/48 problems \| 9% of candidates pass +00:5[7-9], about 00:2[7-9] left",
        live,
    )


def test_finished_work_stays_and_the_live_line_ends_with_its_stage(screen: Screen) -> None:
    lines = ["[rewrite 01:20] 48/48 problems | 9% of candidates pass", "[rewrite 01:27] done: problems 48"]
    screen.show("[rewrite 00:57] 32/48 problems", *lines)
    assert screen.lines == lines


def test_a_stage_without_counted_work_has_a_clock(screen: Screen) -> None:
    screen.show("[train 00:15] starting the learner")
    assert screen.lines[0] == "[train 00:15] starting the learner"
    assert re.fullmatch(r"train \S+ +00:1[5-7]", screen.lines[1])


def test_every_line_stays_on_request(screen: Screen) -> None:
    screen.show(
        "[train 00:15] 1/8 reward 0.5", "[train 00:25] 2/8 reward 0.75 | about 01:00 left", verbose=True
    )
    assert screen.lines[:2] == [
        "[train 00:15] 1/8 reward 0.5",
        "[train 00:25] 2/8 reward 0.75 | about 01:00 left",
    ]


def test_skipped_stages_have_no_live_line(screen: Screen) -> None:
    screen.show("[prepare 01:09] complete, skipped", "[sweep 00:00] not needed by this config, skipped")
    assert len(screen.lines) == 2


def test_closing_removes_the_live_line(screen: Screen) -> None:
    screen.show("[train 00:15] starting the learner", "[train 00:25] 2/8 reward 0.75")
    screen.live.close()
    assert screen.lines == ["[train 00:15] starting the learner"]


def test_a_narrow_terminal_keeps_it_in_one_line() -> None:
    screen = Screen(width=60)
    screen.show(
        "[train 00:25] 2/8 reward 0.75 gate 0.1 align 0.3 div 0.2 length 85 seconds 24 | about 01:00 left"
    )
    (live,) = screen.lines
    assert len(live) <= 60
    assert re.search(r"00:2[5-7], about (01:00|00:5\d) left$", live)


def test_markup_of_a_line_is_text(screen: Screen) -> None:
    screen.show("[prepare 00:01] [red]file[/red].jsonl, line 2", "[/] [bold]")
    assert "[prepare 00:01] [red]file[/red].jsonl, line 2" in screen.lines
    assert "[/] [bold]" in screen.lines
