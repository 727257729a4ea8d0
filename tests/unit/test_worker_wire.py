"""JSON lines between the worker's processes."""

import os
import socket
from collections.abc import Iterator

import pytest

from tenfold_worker.nursery import how_it_ended
from tenfold_worker.wire import Wire


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    yield wire, theirs
    wire.close()
    theirs.close()


def test_messages_arrive_in_order_however_they_are_cut(ends: tuple[Wire, socket.socket]) -> None:
    """Half a line waits for its other half."""
    wire, other = ends
    assert wire.read() == []
    other.sendall(b'{"a": 1}\n{"b"')
    assert wire.read() == [{"a": 1}]
    other.sendall(b": 2}\n")
    assert wire.wait(0)
    assert wire.read() == [{"b": 2}]
    assert not wire.wait(0)


def test_what_was_said_before_hanging_up_is_heard(ends: tuple[Wire, socket.socket]) -> None:
    """The end of the line closes the wire after the last message."""
    wire, other = ends
    other.sendall(b'{"last": "words"}\n{"cut off')
    other.close()
    assert wire.read() == [{"last": "words"}]
    assert not wire.open


@pytest.mark.parametrize("nonsense", [b"[1]\n", b"\xff\xfe\n", b'{"a": NaN}\n', b"null\n", b"[" * 100_000 + b"\n"])
def test_nonsense_closes_the_wire(ends: tuple[Wire, socket.socket], nonsense: bytes) -> None:
    """Whoever does not send JSON objects is not listened to any more."""
    wire, other = ends
    other.sendall(b'{"good": true}\n' + nonsense + b'{"ignored": true}\n')
    assert wire.read() == [{"good": True}]
    assert not wire.open


def test_an_open_file_travels_with_a_message(ends: tuple[Wire, socket.socket]) -> None:
    """It is the receiver's, and no child of the receiver inherits it."""
    wire, other = ends
    reading, writing = os.pipe()
    sender = Wire(other.dup())
    sender.send({"here": "you are"}, file=reading)
    os.close(reading)
    assert wire.read() == [{"here": "you are"}]
    received = wire.file()
    os.write(writing, b"hello")
    assert os.read(received, 9) == b"hello"
    assert not os.get_inheritable(received)
    os.close(received)
    os.close(writing)
    sender.close()
    with pytest.raises(OSError, match="without the open file"):
        wire.file()


def test_a_file_nobody_takes_is_closed(ends: tuple[Wire, socket.socket]) -> None:
    """Hanging up leaves nothing open."""
    wire, other = ends
    reading, writing = os.pipe()
    sender = Wire(other.dup())
    sender.send({}, file=writing)
    os.close(writing)
    wire.read()
    wire.close()
    assert os.read(reading, 1) == b"", "no writing end is left"
    os.close(reading)
    sender.close()


def test_numbers_are_finite(ends: tuple[Wire, socket.socket]) -> None:
    """NaN is not JSON, whatever Python thinks."""
    with pytest.raises(ValueError, match="JSON"):
        ends[0].send({"score": float("nan")})


def test_a_broken_line_is_known_to_be_broken(ends: tuple[Wire, socket.socket]) -> None:
    """Sending to nobody raises and closes the wire."""
    wire, other = ends
    other.close()
    with pytest.raises(OSError, match=r".+"):
        wire.send({})
    assert not wire.open


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with code 0"),
        (7 << 8, "exited with code 7"),
        (11, "was ended by SIGSEGV"),
        (50, "was ended by signal 50"),
    ],
)
def test_an_end_is_told_in_words(status: int, words: str) -> None:
    """Signals by their names where they have one."""
    assert how_it_ended(status) == words
