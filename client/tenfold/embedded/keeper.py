"""The keeper: the one process that starts the parts of an embedded cluster, restarts them, and leaves nothing behind.

The command line talks to it through two pipes and nothing else. While its standard input is open the cluster runs;
when that ends, because the command line stopped or was killed, the keeper stops worker, scheduler and broker in that
order, removes the broker's directory and lets go of the home. It writes its events as JSON lines to standard output.
It imports nothing heavy and has one thread.
"""

import argparse
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tenfold.embedded import broker
from tenfold.embedded.address import ClusterAddress, leave_home, write_address
from tenfold.embedded.child import Child, adopt_orphans, describe_end
from tenfold.embedded.parts import BROKER, Part, cluster_parts, may_start_again
from tenfold_common.domain.words import Json
from tenfold_common.settings import Settings, read_settings

GO: Final = b"g"
"""What the command line writes when it has seen that there is something to do: nothing is started before."""

KILL: Final = b"k"
"""What the command line writes to have everything killed at once."""

_BROKER_START_S: Final = 10.0
_BROKER_LOOK_S: Final = 0.004
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Keeper:
    """Looks after the parts.

    Args:
        settings: Of the command line; the parts get them with the private broker's URL.
        slots: How many assignments the worker runs at once.
        server: The broker's binary.
        directory: Where the broker's socket is made; removed at the end.
    """

    def __init__(self, settings: Settings, *, slots: int, server: Path, directory: Path) -> None:
        self._home = settings.home
        self._directory = directory
        self._slots = slots
        self._parts = cluster_parts(settings, slots=slots, server=server, directory=directory)
        self._children: dict[str, Child] = {}
        self._deaths: dict[str, list[float]] = {part.name: [] for part in self._parts}
        self._ready = False
        self._stopping = False
        self._killing = False
        self._failed = False
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_end = socket.socketpair()

    def run(self) -> int:
        """Keep the cluster until told to stop; the exit code."""
        self._listen()
        try:
            for part in reversed(self._parts):  # the broker first: the others look for it as soon as they are up
                self._start(part)
            self._keep()
        finally:
            self._stop()
        return 1 if self._failed else 0

    def _listen(self) -> None:
        for end in (self._wakeup, self._wakeup_end):
            os.set_blocking(end.fileno(), False)
        signal.set_wakeup_fd(self._wakeup_end.fileno(), warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # only to be woken by it
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._drain)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._read_orders)

    def _on_stop_signal(self, _number: int, _frame: object) -> None:
        self._killing = self._stopping  # the second one means it
        self._stopping = True

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._wakeup.recv(4_096)

    def _read_orders(self) -> None:
        order = os.read(sys.stdin.fileno(), 64)
        self._stopping = True
        if KILL in order:
            self._killing = True
        if not order:
            self._selector.unregister(sys.stdin.fileno())

    def _start(self, part: Part) -> None:
        self._children[part.name] = Child(part, now_s=time.monotonic(), first=part.name not in self._children)

    def _keep(self) -> None:
        while not self._stopping:
            self._turn(timeout_s=None if self._ready else _BROKER_LOOK_S)
            if not self._ready and not self._stopping:
                self._look_for_broker()

    def _turn(self, *, timeout_s: float | None) -> None:
        for key, _events in self._selector.select(timeout_s):
            key.data()
        for child in self._reap():
            if not self._stopping:
                self._replace(child)

    def _reap(self) -> list[Child]:
        ended: list[Child] = []
        by_pid = {child.pid: child for child in self._children.values() if child.status is None}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            if pid in by_pid:  # else an orphan we adopted
                by_pid[pid].ended(status)
                ended.append(by_pid[pid])

    def _replace(self, child: Child) -> None:
        now_s = time.monotonic()
        child.kill()  # what it has left in its group
        deaths = self._deaths[child.part.name]
        deaths.append(now_s)
        if child.refused:
            self._fail(child.part, "refused to start")
            return
        if not may_start_again(deaths, now_s):
            self._fail(child.part, f"ended {len(deaths)} times, the last time with {describe_end(child.status or 0)}")
            return
        if child.part.name == BROKER:
            self._ready = False
        self._start(child.part)
        self._tell(event="restarted", part=child.part.name, how=describe_end(child.status or 0))

    def _look_for_broker(self) -> None:
        child = self._children[BROKER]
        if broker.answers(broker.socket_path(self._directory)):
            self._ready = True
            self._announce()
        elif time.monotonic() - child.started_s > _BROKER_START_S:
            self._fail(child.part, f"does not answer {_BROKER_START_S:.0f} seconds after its start")

    def _announce(self) -> None:
        address = ClusterAddress(
            pid=os.getpid(),
            broker_url=broker.broker_url(self._directory),
            workers=self._slots,
            started_at=datetime.now(UTC).isoformat(),
        )
        write_address(self._home, address)
        self._tell(event="ready", broker_url=address.broker_url)

    def _fail(self, part: Part, how: str) -> None:
        self._failed = self._stopping = True
        self._tell(event="failed", part=part.name, how=how, log=str(part.log))

    def _tell(self, **event: Json) -> None:
        with suppress(OSError):  # whoever listened is gone: then standard input ends too
            os.write(sys.stdout.fileno(), json.dumps(event).encode() + b"\n")

    def _stop(self) -> None:
        self._stopping = True
        for part in self._parts:
            child = self._children.get(part.name)
            if child is not None:
                self._end(child)
        _kill_descendants()
        shutil.rmtree(self._directory, ignore_errors=True)
        leave_home(self._home)

    def _end(self, child: Child) -> None:
        child.send(signal.SIGTERM)
        deadline_s = time.monotonic() + child.part.grace_s
        while child.status is None and not self._killing and time.monotonic() < deadline_s:
            self._turn(timeout_s=max(0.0, deadline_s - time.monotonic()))
        child.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as ``python -m tenfold.embedded.keeper``, with the settings in the environment.

    The locked ``cluster.json`` is inherited as an open descriptor and held until this process ends.
    """
    parser = argparse.ArgumentParser(description="Internal: keeps the parts of an embedded cluster running.")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--server", type=Path, required=True)
    given = parser.parse_args(arguments)
    settings = read_settings()
    if os.read(sys.stdin.fileno(), 1) != GO:
        leave_home(settings.home)
        return 0
    adopt_orphans()
    return Keeper(settings, slots=given.slots, server=given.server, directory=broker.make_directory()).run()


def _kill_descendants() -> None:
    import psutil

    left = psutil.Process().children(recursive=True)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=0.5)


if __name__ == "__main__":
    sys.exit(main())
