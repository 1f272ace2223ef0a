import socket
import threading
import time
from collections.abc import Iterator

import pytest

from reward.sandbox.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours, 100), theirs


def test_lines_arrive_whole_and_in_order(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    other.sendall("ä b\n\nthird\nfou".encode())
    threading.Timer(0.05, other.sendall, [b"rth\n"]).start()
    assert [channel.receive(time.monotonic() + 5) for _ in range(4)] == ["ä b", "", "third", "fourth"]
    channel.send("ü")
    assert other.recv(100) == "ü\n".encode()


def test_deadlines_hold_for_both_directions(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    other.sendall(b"unfinished")
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        channel.receive(start + 0.1)
    with pytest.raises(TimeoutError):
        channel.send("x" * 10**8, start + 0.2)
    with pytest.raises(TimeoutError):
        channel.receive(start)
    assert 0.2 <= time.monotonic() - start < 60


def test_the_end_and_lines_without_end_are_errors(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    other.sendall(b"x" * 101)
    with pytest.raises(EOFError):
        channel.receive()
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(EOFError):
            Channel(ours, 100).receive()
        with pytest.raises(BrokenPipeError):
            Channel(ours, 100).send("x")


def test_bytes_that_are_no_text_are_replaced(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    other.sendall(b"\xff\n")
    assert channel.receive() == "�"
