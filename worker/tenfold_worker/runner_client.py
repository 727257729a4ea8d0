"""A slot's line to its nursery and to its runner: start it, talk to it, end it, learn how it ended."""

import contextlib
import select
import socket
import time
from pathlib import Path
from typing import Final

from tenfold_common.errors import TransientError
from tenfold_worker.wire import Message, Wire

_LOOK_S: Final = 0.25
"""How long a runner gets to write where its threads are before it is killed."""

GONE: Final[Message] = {"event": "exited", "how": "", "output": ""}
"""What is said of a runner whose nursery is gone as well."""


class RunnerClient:
    """One runner at a time.

    Args:
        nursery: Path of the nursery's socket.
    """

    def __init__(self, nursery: Path) -> None:
        self._path = nursery
        self._nursery: Wire | None = None
        self._runner: Wire | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a runner, for all that is known."""
        return self._runner is not None

    def start(self) -> None:
        """Have a runner; waits while the nursery is still warming up. One that died since its last trial is replaced.

        Raises:
            TransientError: If the nursery is gone.
        """
        if self._runner is not None:
            self.poll(0)
        while self._runner is not None and not self._runner.open:  # it is dead, and the news of it is on its way
            self.poll(1.0)
        if self._runner is not None:
            return
        try:
            if self._nursery is None:
                self._nursery = self._connect()
            self._nursery.send({"op": "start"})
            self._await_birth()
            sock = socket.socket(fileno=self._nursery.file())
        except OSError as error:
            self._hang_up()
            raise TransientError(f"the processes that run trials are not there: {error}") from error
        self._runner = Wire(sock)

    def send(self, message: Message) -> None:
        """Tell the runner something; if it is gone, :meth:`poll` will say so."""
        assert self._runner is not None, "start comes first"
        try:
            self._runner.send(message)
        except OSError:
            self._order("end")

    def poll(self, timeout_s: float) -> list[Message]:
        """What the runner says, and at last how it ended, within ``timeout_s`` seconds."""
        assert self._nursery is not None, "start comes first"
        self._wait(timeout_s)
        messages: list[Message] = []
        runner = self._runner
        if runner is not None and runner.open:
            messages += runner.read()
            if not runner.open:
                self._order("end")  # whoever cannot be heard any more must not live on
        messages += self._nursery.read()
        if not self._nursery.open:
            messages.append(GONE)
        if any(message.get("event") in {"exited", "stopped"} for message in messages):
            self._forget_runner(messages)
        return messages

    def end(self, *, look: bool) -> None:
        """Have the runner killed; :meth:`poll` says when it is. ``look``: it writes first where its threads are."""
        if look:
            self._order("look")
            time.sleep(_LOOK_S)
        self._order("end")

    def replace(self) -> None:
        """End the runner and start another.

        Raises:
            TransientError: If the nursery is gone.
        """
        self.end(look=False)
        while self.alive:
            self.poll(1.0)
        self.start()

    def close(self) -> None:
        """Hang up; the nursery ends the runner."""
        self._hang_up()

    def _connect(self) -> Wire:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(str(self._path))
        except OSError:
            sock.close()
            raise
        return Wire(sock)

    def _await_birth(self) -> None:
        assert self._nursery is not None, "connected by the caller"
        while True:
            self._nursery.wait(None)
            for message in self._nursery.read():
                if message.get("event") == "born":
                    return
                if message.get("event") == "unborn":
                    raise OSError(message.get("why"))
            if not self._nursery.open:
                raise OSError("the nursery hung up")

    def _wait(self, timeout_s: float) -> None:
        poll = select.poll()
        for wire in (self._nursery, self._runner):
            if wire is not None and wire.open:
                poll.register(wire, select.POLLIN)
        poll.poll(max(timeout_s, 0) * 1000)

    def _order(self, op: str) -> None:
        assert self._nursery is not None, "start comes first"
        with contextlib.suppress(OSError):  # the wire is closed then, and poll says so
            self._nursery.send({"op": op})

    def _forget_runner(self, messages: list[Message]) -> None:
        # What the runner said before it died comes before the news of its death.
        if self._runner is not None:
            messages[:0] = self._runner.read() if self._runner.open else []
            self._runner.close()
        self._runner = None
        if self._nursery is not None and not self._nursery.open:
            self._hang_up()

    def _hang_up(self) -> None:
        for wire in (self._runner, self._nursery):
            if wire is not None:
                wire.close()
        self._runner = self._nursery = None
