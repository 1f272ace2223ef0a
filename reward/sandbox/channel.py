"""Lines of text over a socket, with deadlines."""

import math
import socket
import time

NEVER = math.inf
"""A deadline that never comes; others are moments of `time.monotonic()`, in seconds."""


class Channel:
    """One end of a connected stream socket; holds no line longer than `max_line` bytes (others are EOFError)."""

    def __init__(self, end: socket.socket, max_line: int) -> None:
        self._socket = end
        self._max_line = max_line
        self._received = b""

    def send(self, line: str, deadline: float = NEVER) -> None:
        """Sends a line, given without its newline and holding none.

        Raises:
            TimeoutError: the other end did not read in time.
            ConnectionError: the other end is closed.
        """
        self.send_bytes(line.encode() + b"\n", deadline)

    def send_bytes(self, data: bytes, deadline: float = NEVER) -> None:
        """Sends bytes as they are; raises what `send` does."""
        self._await(deadline)
        self._socket.sendall(data)

    def receive(self, deadline: float = NEVER) -> str:
        """The next line without its newline; bytes that are no UTF-8 are replaced.

        Raises:
            TimeoutError: it did not come in time.
            EOFError: the other end closed first, or the line is too long.
            ConnectionError: the other end closed without having read all that was sent.
        """
        while b"\n" not in self._received:
            self._await(deadline)
            part = self._socket.recv(65536)
            if not part or len(self._received) + len(part) > self._max_line:
                raise EOFError("the other end of the channel is closed or does not end its line")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return line.decode(errors="replace")

    def close(self) -> None:
        """Closes this end; the other reads the end of the channel."""
        self._socket.close()

    def _await(self, deadline: float) -> None:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._socket.settimeout(None if remaining == NEVER else remaining)
