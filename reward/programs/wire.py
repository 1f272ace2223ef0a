"""Messages of JSON over a connected socket."""

import json
import socket
import struct

MAX_MESSAGE_BYTES = 32 * 1024**2
_HEADER = struct.Struct("!I")


class WireError(Exception):
    """The other process is gone, or sent bytes that are no message."""


class WireGone(WireError):
    """The other process is gone."""


class Wire:
    """One end; a message is a length of four bytes and as many bytes of JSON."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()

    def send(self, message: object) -> None:
        """Sends a message.

        Raises:
            OverflowError: the message is longer than `MAX_MESSAGE_BYTES`.
            WireGone: the other process is gone.
        """
        data = json.dumps(message, separators=(",", ":"), check_circular=False).encode()
        if len(data) > MAX_MESSAGE_BYTES:
            raise OverflowError(f"more than {MAX_MESSAGE_BYTES} bytes of data in one call")
        try:
            self._socket.sendall(_HEADER.pack(len(data)) + data)
        except OSError as error:
            raise WireGone("the other process is gone") from error

    def receive(self) -> object:
        """Waits for the next message, of any shape that JSON has.

        Raises:
            WireError: the other end is gone, or sent something else.
        """
        (size,) = _HEADER.unpack(self._read(_HEADER.size))
        if size > MAX_MESSAGE_BYTES:
            raise WireError("a message is too long")
        try:
            return json.loads(self._read(size))
        except (ValueError, RecursionError) as error:
            raise WireError("a message is not JSON") from error

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            try:
                part = self._socket.recv(max(65536, min(size, 1 << 20)))
            except OSError as error:
                raise WireGone("the other process is gone") from error
            if not part:
                raise WireGone("the other process is gone")
            self._received += part
        data = bytes(self._received[:size])
        del self._received[:size]
        return data
