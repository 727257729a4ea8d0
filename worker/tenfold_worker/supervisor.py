"""Keeps the worker's processes: one nursery, one Celery consumer. Starts them early, again when they end, stops all.

Its imports stay tiny, because the nursery's two seconds of imports begin when this process has begun.
"""

import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

Running = tuple[str, int, int, int]
"""An attempt's key, as slots write it. Not the domain's class: importing that would delay the nursery."""

_LOG = logging.getLogger(__name__)

_CHUNK: Final = 1 << 16
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0
_STABLE_S: Final = 30.0
_LOOK_S: Final = 1.0
_GRACE_S: Final = 0.35
_SPARE_CONNECTIONS: Final = 8
_MOST_FAILURES: Final = 5

ONE_THREAD: Final = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
"""Libraries start with one thread; a study that asks for more gets them for its trials alone."""


@dataclass(slots=True)
class Program:
    """One of the processes, and when it may be started (again).

    Attributes:
        name: For logs.
        start: Starts it.
        process: None while it does not run.
        start_at_s: Not before.
        wait_s: How long to wait after the next death.
        failures: How often in a row it has ended soon and by itself, with an error.
    """

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    wait_s: float = _FIRST_WAIT_S
    failures: int = 0

    def bury(self, now_s: float) -> None:
        """It has ended: note how that went, and when to start it again."""
        assert self.process is not None, "it was started"
        code = self.process.returncode
        _LOG.warning("%s ended unexpectedly: exit=%s", self.name, code)
        self.kill()  # what it has left in its group
        self.process = None
        stable = now_s - self.started_s > _STABLE_S
        self.wait_s = _FIRST_WAIT_S if stable else self.wait_s
        self.failures = self.failures + 1 if code > 0 and not stable else 0
        self.start_at_s = now_s + self.wait_s
        self.wait_s = min(self.wait_s * 2, _LONGEST_WAIT_S)

    def kill(self) -> None:
        """End it and its process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Watcher(Protocol):
    """Who wants to know what the slots are at."""

    def show(self, running: Mapping[int, Running]) -> None:
        """What the slots are at, by process id."""

    def give_back(self, named: Running, *, stopping: bool) -> None:
        """An attempt whose slot is gone without having reported it, perhaps because the worker is being stopped."""


class Supervisor:
    """Runs until told to stop.

    Args:
        worker: The worker's id.
        slots: How many assignments run at once.
        queues: Queues to take work from.
        folder: Where the processes meet; it exists, and only this user may enter it.
    """

    def __init__(
        self,
        *,
        worker: str,
        slots: int,
        queues: Sequence[str],
        folder: Path,
    ) -> None:
        self._worker = worker
        self._slots = slots
        self._queues = queues
        self._folder = folder
        self._at: dict[int, Running | None] = {}
        self._stopping = False
        self._failed = False
        self._pending = b""
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._nursery_path))
        self._listener.listen(slots + _SPARE_CONNECTIONS)
        self._status, self._status_end = os.pipe()
        self._wakeup, self._alarm = socket.socketpair()
        self._nursery = Program("nursery", self._start_nursery)
        self._consumer = Program("consumer", self._start_consumer)

    def start(self) -> None:
        """Start the processes: the nursery first, because it takes longest to be ready."""
        self._listen_to_signals()
        os.set_blocking(self._status, False)
        self._selector.register(self._status, selectors.EVENT_READ, self._hear)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._wake)
        self._revive()

    def run(self, watcher: Watcher) -> bool:
        """Look after the processes until told to stop, then stop everything; False if they cannot be kept running."""
        try:
            while not self._stopping:
                self._turn(_LOOK_S)
                self._revive()
                self._tell(watcher)
        finally:
            self._stop()
            self._tell(watcher)
        return not self._failed

    def _tell(self, watcher: Watcher) -> None:
        """Who is at what; and what those were at who are no more."""
        gone = [pid for pid in self._at if not _lives(pid)]
        for named in [self._at.pop(pid) for pid in gone]:
            if named is not None:
                watcher.give_back(named, stopping=self._stopping)
        watcher.show({pid: named for pid, named in self._at.items() if named is not None})

    def _listen_to_signals(self) -> None:
        for end in (self._wakeup, self._alarm):
            end.settimeout(0)
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _turn(self, timeout_s: float) -> None:
        now_s = time.monotonic()
        due = [program.start_at_s - now_s for program in self._programs if program.process is None]
        for key, _ in self._selector.select(max(0.0, min([timeout_s, *due]))):
            key.data()

    @property
    def _nursery_path(self) -> Path:
        return self._folder / "nursery.sock"

    @property
    def _programs(self) -> tuple[Program, Program]:
        return (self._nursery, self._consumer)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            self._wakeup.recv(_CHUNK)

    def _hear(self) -> None:
        """Lines of slots: which process is at which attempt."""
        with suppress(BlockingIOError):
            self._pending += os.read(self._status, _CHUNK)
        *lines, self._pending = self._pending.split(b"\n")
        for line in lines:
            said = json.loads(line)
            self._at[said["pid"]] = said["key"] and tuple(said["key"])

    def _revive(self) -> None:
        now_s = time.monotonic()
        for program in self._programs:
            if program.process is not None and program.process.poll() is not None:
                program.bury(now_s)
                self._give_up_on(program)
            if program.process is None and program.start_at_s <= now_s and not self._stopping:
                program.process, program.started_s = program.start(), now_s
                _LOG.info("%s started: pid=%s", program.name, program.process.pid)

    def _give_up_on(self, program: Program) -> None:
        if program.failures >= _MOST_FAILURES:
            _LOG.error("the %s cannot be kept running; what is above says why", program.name)
            self._stopping = self._failed = True

    def _stop(self) -> None:
        """Runners end at once and slots hand their attempts back; then everything is killed.

        Celery is not waited for: it takes seconds to leave, and holds nothing that is worth them.
        """
        self._stopping = True
        self._listener.close()
        self._nursery_path.unlink(missing_ok=True)
        for program in (self._consumer, self._nursery):
            program.tell(signal.SIGTERM)
        deadline_s = time.monotonic() + _GRACE_S
        while any(self._at.values()) and time.monotonic() < deadline_s:
            self._turn(max(0.0, deadline_s - time.monotonic()))
        for program in self._programs:
            program.kill()
        self._hear()

    def _start_nursery(self) -> "subprocess.Popen[bytes]":
        # Its standard input is our lifeline to it: it ends when we do. Waiting OpenMP threads sleep, because slots
        # share the cores: spinning ones made a machine with more threads than cores ten times slower.
        return self._spawn(
            "tenfold_worker.nursery",
            "--fd",
            str(self._listener.fileno()),
            *("--folder", str(self._folder)),
            inherit=[self._listener.fileno()],
            environment={"PYTHONHASHSEED": "0", "OMP_WAIT_POLICY": "PASSIVE", **ONE_THREAD},
            stdin=subprocess.PIPE,
        )

    def _start_consumer(self) -> "subprocess.Popen[bytes]":
        return self._spawn(
            "tenfold_worker.consumer",
            *("--slots", str(self._slots)),
            *("--queues", ",".join(self._queues)),
            *("--worker", self._worker),
            *("--folder", str(self._folder)),
            *("--status", str(self._status_end)),
            inherit=[self._status_end],
            environment={},
            stdin=subprocess.DEVNULL,
        )

    def _spawn(
        self, module: str, *arguments: str, inherit: list[int], environment: dict[str, str], stdin: int
    ) -> "subprocess.Popen[bytes]":
        # -P: the folder the worker was started in must not shadow anybody's modules.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments, "--parent", str(os.getpid())],
            env={**os.environ, **environment},
            pass_fds=inherit,
            stdin=stdin,
            stdout=sys.stderr,
            start_new_session=True,
        )


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
