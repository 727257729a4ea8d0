"""JSON lines over a Unix socket between the worker's own processes, open files included.

Reading never blocks and never trusts the other end: whatever is not a JSON object closes the wire.
"""

import json
import os
import select
import socket
from collections.abc import Mapping
from typing import Any, Final

Message = Mapping[str, Any]  # Any: JSON, checked by whoever reads it

_CHUNK: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 24


class Wire:
    """One end of a stream socket that carries JSON objects, one for each line.

    Args:
        sock: Owned by the wire from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = b""
        self._files: list[int] = []
        self.open = True
        """False once the other end is gone, or has sent something that is no message."""

    def fileno(self) -> int:
        """For selectors."""
        return self._sock.fileno()

    def send(self, message: Message, *, file: int | None = None) -> None:
        """Send a message, and with it an open file.

        Raises:
            ValueError: If a number in the message is not finite.
            OSError: If the other end is gone.
        """
        line = json.dumps(message, allow_nan=False).encode() + b"\n"
        try:
            if file is not None:
                sent = socket.send_fds(self._sock, [line], [file])
                line = line[sent:]
            self._sock.sendall(line)
        except OSError:
            self.open = False
            raise

    def read(self) -> list[Message]:
        """The messages that have arrived."""
        while self.open and self.wait(0):
            self._receive()
        *lines, self._pending = self._pending.split(b"\n")
        messages: list[Message] = []
        for line in lines:
            message = _object(line)
            if message is None:
                self.open = False
                break
            messages.append(message)
        return messages

    def wait(self, timeout_s: float | None) -> bool:
        """Whether there is something to read within ``timeout_s`` seconds; None waits for ever."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else max(timeout_s, 0) * 1000))

    def file(self) -> int:
        """The oldest open file that came with a message and was not taken yet.

        Raises:
            OSError: If there is none.
        """
        if not self._files:
            raise OSError("the message came without the open file it promised")
        return self._files.pop(0)

    def close(self) -> None:
        """Hang up."""
        self.open = False
        self._sock.close()
        for file in self._files:
            os.close(file)
        self._files.clear()

    def _receive(self) -> None:
        try:
            data, files, _, _ = socket.recv_fds(self._sock, _CHUNK, 4)
        except OSError:
            data, files = b"", []
        for file in files:
            os.set_inheritable(file, False)  # noqa: FBT003  # the standard library's
        self._files += files
        self._pending += data
        self.open = bool(data) and len(self._pending) <= _LONGEST_LINE


def _object(line: bytes) -> Message | None:
    try:
        message = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
