"""The live line of a terminal: the stage at work, a bar, and clocks that tick between two progress lines."""

import re
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from .clock import clock, seconds_of

LINE = re.compile(
    r"\[(?P<stage>[^\[\]]+) (?P<clock>\d+:\d\d)\] (?:(?P<done>\d+)/(?P<total>\d+) )?(?P<told>.*)"
)
"""A line of `Progress`; the output of a job has no other form."""
LEFT = re.compile(r" \| about (\d+:\d\d) left$")
PLACE = re.compile(r"stage (\d+) of (\d+)")
ENDS = ("done", "complete, skipped", "not needed")
"""Beginnings of the last line of a stage."""


class LiveLine:
    """Prints lines above itself, and shows lines that count work in the live line instead."""

    def __init__(self, terminal: Console) -> None:
        columns = (
            TextColumn("{task.fields[stage]}", markup=False),
            BarColumn(bar_width=20),
            TextColumn(
                "{task.fields[told]}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            _Clocks(table_column=Column(no_wrap=True)),
        )
        self._terminal = terminal
        self._progress = Progress(
            *columns,
            console=terminal,
            transient=True,
            expand=True,
            refresh_per_second=2,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID | None = None
        self._place = ""
        self._progress.start()

    def show(self, text: str, verbose: bool = False) -> None:
        """Show a line; `verbose` prints lines that count work too."""
        found = LINE.fullmatch(text)
        if found is None:
            self._print(text)
            return
        done, total, told = found["done"], found["total"], found["told"]
        if place := PLACE.search(told):
            self._place = f" ({place[1]}/{place[2]})"
        if verbose or done is None or done == total:
            # Work that has been done stays on the screen.
            self._print(text)
        self._end()
        if told.startswith(ENDS):
            self._place = ""
            return
        left = LEFT.search(told)
        shown = LEFT.sub("", f"{done}/{total} {told}") if done else ""
        self._task = self._progress.add_task(
            "",
            completed=int(done or 0),
            total=int(total) if total else None,
            stage=f"{found['stage']}{self._place}",
            told=shown,
            at=time.monotonic(),
            spent=seconds_of(found["clock"]),
            left=seconds_of(left[1]) if left else None,
        )

    def close(self) -> None:
        """Remove the live line."""
        self._end()
        self._progress.stop()

    def _print(self, text: str) -> None:
        self._terminal.print(text, markup=False, highlight=False, soft_wrap=True)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


class _Clocks(ProgressColumn):
    """Time spent and left, as told last and carried on."""

    def render(self, task: Task) -> Text:
        since = time.monotonic() - task.fields["at"]
        left = task.fields["left"]
        told = "" if left is None else f", about {clock(max(0.0, left - since))} left"
        return Text(clock(task.fields["spent"] + since) + told)


def terminal(stream: TextIO) -> Console:
    """The terminal behind a stream."""
    return Console(file=stream)
