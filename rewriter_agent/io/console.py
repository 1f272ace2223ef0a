"""What a user sees: the agent's own lines. What libraries print goes to a log file."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import UnsupportedOperation
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, TextIO

from cluster.credentials import SECRETS

if TYPE_CHECKING:
    from .live_line import LiveLine

TOKENS = (*SECRETS, "RAY_AUTH_TOKEN")
"""Environment variables whose values are never shown."""
SHORTEST_TOKEN = 8
"""Characters of a value that is hidden; a shorter one would hide parts of ordinary words."""


class Console:
    """Shows lines: plain ones in a pipe or a file; on a terminal with a live line for the stage at work."""

    def __init__(self) -> None:
        self.verbose = False
        """Shows details too."""
        self._stream: TextIO | None = None
        self._log: int | None = None
        self._live: LiveLine | None = None
        self._lock = RLock()

    @property
    def has_log(self) -> bool:
        """Whether the output of libraries goes to a log file now."""
        return self._log is not None

    def say(self, text: str) -> None:
        """Show a line, or several."""
        shown = without_tokens(text)
        with self._lock:
            self._write_log(shown)
            stream = self._stream or sys.stdout
            if stream.isatty():
                self._live_line(stream).show(shown, self.verbose)
            else:
                print(shown, file=stream, flush=True)

    def detail(self, text: str) -> None:
        """Show a line with `--verbose`; the log has it always."""
        if self.verbose:
            self.say(text)
        else:
            self._write_log(without_tokens(text))

    def warn(self, text: str) -> None:
        """Show a line on standard error."""
        self.close()
        stream = sys.stderr
        print(without_tokens(text), file=stream, flush=True)

    def close(self) -> None:
        """Remove the live line."""
        with self._lock:
            if self._live is not None:
                self._live.close()
                self._live = None

    @contextmanager
    def libraries_to(self, log: Path) -> Generator[None]:
        """Append to `log` everything that this process and its children print, except for the console's lines.

        An error other than a user's mistake gets a note that names the log.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        # Only for its owner: libraries may print what the console would hide.
        number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        stream = _own_stream()
        _flush()
        kept = [os.dup(1), os.dup(2)]
        try:
            os.dup2(number, 1)
            os.dup2(number, 2)
            self._stream, self._log = stream, number
            self._write_log(f"== {datetime.now().astimezone().isoformat(timespec='seconds')} {_command()}")
            yield
        except Exception as error:
            if type(error) is not ValueError:
                error.add_note(f"details: {log}")
            raise
        finally:
            self.close()
            _flush()
            self._stream = self._log = None
            for old, new in zip(kept, (1, 2), strict=True):
                os.dup2(old, new)
                os.close(old)
            os.close(number)
            if stream is not sys.stdout:
                stream.close()

    def _live_line(self, stream: TextIO) -> "LiveLine":
        if self._live is None:
            # Imported here: `rich` takes a tenth of a second.
            from .live_line import LiveLine, terminal

            self._live = LiveLine(terminal(stream))
        return self._live

    def _write_log(self, text: str) -> None:
        if self._log is not None:
            # A full disk stops the run where it writes results, with a message of its own.
            with suppress(OSError):
                os.write(self._log, f"{text}\n".encode())


console = Console()
"""The console of this process."""


def without_tokens(text: str) -> str:
    """Hide the values of the environment's keys and tokens."""
    for name in TOKENS:
        value = os.environ.get(name, "")
        if len(value) >= SHORTEST_TOKEN:
            text = text.replace(value, f"<{name}>")
    return text


def _own_stream() -> TextIO:
    """Standard output as it is now, which stays if file descriptor 1 becomes another file."""
    try:
        number = sys.stdout.fileno()
    except UnsupportedOperation:
        return sys.stdout
    return os.fdopen(os.dup(number), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
