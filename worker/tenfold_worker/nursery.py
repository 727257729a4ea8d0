"""The process that has imported the heavy libraries once, and gives birth to runners.

It never runs anything of a user's, so it always answers: it kills runners when told, notices their death, keeps the
last of what they wrote, and takes them along when their slot or the supervisor is gone. Runners are forked where that
is safe (Linux), which costs milliseconds instead of the seconds an import of scikit-learn takes; elsewhere they are
started afresh. A fork is safe here because nothing in this process has computed anything: no OpenMP or BLAS thread
runs. ``python -m tenfold_worker.nursery``, started by the supervisor.
"""

import argparse
import contextlib
import gc
import importlib
import logging
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tenfold_common.provenance.fingerprint import fingerprint
from tenfold_worker import runner
from tenfold_worker.fingerprint_note import FingerprintNote
from tenfold_worker.lineage import die_with_parent
from tenfold_worker.wire import Message, Wire

_LOG = logging.getLogger(__name__)

_KEPT_OUTPUT: Final = 32 * 1024
_CHUNK: Final = 1 << 16
_LAST_READS: Final = 32

ESSENTIAL: Final = (
    "tenfold_worker.evaluation",
    "tenfold_common.artifacts.store",
    "tenfold_common.data.dataset",
    "threadpoolctl",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.linear_model",
    "sklearn.svm",
)
"""Imported before the first runner is born: what nearly every trial needs, and what comes with it for little."""

LIKELY: Final = (
    "tenfold_common.modelling.inspect",
    "sklearn.ensemble",
    "sklearn.compose",
    "sklearn.impute",
    "sklearn.neighbors",
    "sklearn.neural_network",
)
"""Imported while nobody waits, so that later runners have them."""


@dataclass(slots=True, eq=False)
class _Child:
    """One runner, until it is buried. ``output`` is the reading end of what it writes to; None once it is closed."""

    pid: int
    output: int | None
    tail: bytearray = field(default_factory=bytearray)
    process: subprocess.Popen[bytes] | None = None

    def drain(self) -> bool:
        """Take some of what it has written; whether there was any."""
        if self.output is None:
            return False
        try:
            data = os.read(self.output, _CHUNK)
        except BlockingIOError:
            return False
        self.tail += data
        _, mark, since = self.tail.rpartition(runner.MARK)  # only what belongs to the latest attempt is evidence
        self.tail = (since if mark else self.tail)[-_KEPT_OUTPUT:]
        return bool(data)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and everything in its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)  # should it not have made its own group yet


@dataclass(slots=True, eq=False)
class _Slot:
    """The connection of one slot, and its runner."""

    wire: Wire
    child: _Child | None = None


class Nursery:
    """Serves slots over a listening Unix socket until it is told to stop.

    Args:
        listener: Slots connect to it.
        lifeline: A file that ends when the supervisor does.
        fork: Whether runners are forked or started afresh.
    """

    def __init__(self, listener: socket.socket, *, lifeline: int, fork: bool) -> None:
        self._listener = listener
        self._forks = fork
        self._selector = selectors.DefaultSelector()
        self._slots: list[_Slot] = []
        self._stopping = False
        self._wakeup, self._alarm = socket.socketpair()
        for end in (self._wakeup, self._alarm, listener):
            end.settimeout(0)
        self._selector.register(listener, selectors.EVENT_READ, self._welcome)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._wake)
        self._selector.register(lifeline, selectors.EVENT_READ, self._stop)

    def serve(self) -> None:
        """Serve; while nobody waits, import what is likely to be needed."""
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        later = list(reversed(LIKELY))
        try:
            while not self._stopping:
                ready = self._selector.select(0 if later else None)
                for key, _ in ready:
                    key.data()
                if not ready and later:
                    _import([later.pop()])
        finally:
            for slot in self._slots:
                self._say(slot, {"event": "stopped"})
                if slot.child is not None:
                    slot.child.kill()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(_CHUNK)
        for slot in self._slots:
            self._reap(slot)

    def _welcome(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._listener.accept()
            connection.settimeout(None)
            slot = _Slot(Wire(connection))
            self._slots.append(slot)
            self._selector.register(slot.wire, selectors.EVENT_READ, lambda: self._hear(slot))

    def _hear(self, slot: _Slot) -> None:
        for message in slot.wire.read():
            self._answer(slot, message)
        if not slot.wire.open:
            self._selector.unregister(slot.wire)
            self._slots.remove(slot)
            if slot.child is not None:
                slot.child.kill()
                self._bury(slot.child)
            slot.wire.close()

    def _answer(self, slot: _Slot, message: Message) -> None:
        match message.get("op"):
            case "start" if slot.child is None:
                self._give_birth(slot)
            case "look" if slot.child is not None:
                slot.child.signal(signal.SIGUSR1)
            case "end" if slot.child is not None:
                slot.child.kill()

    def _give_birth(self, slot: _Slot) -> None:
        with ExitStack() as ours_only:
            try:
                theirs, ours = socket.socketpair()
                ours_only.enter_context(theirs)
                ours_only.enter_context(ours)
                output, writing = os.pipe()
                ours_only.callback(os.close, writing)
                os.set_blocking(output, False)
                slot.child = self._start(ours, output, writing)
            except OSError as error:  # out of processes, memory or open files
                self._say(slot, {"event": "unborn", "why": str(error)})
            else:
                self._say(slot, {"event": "born", "pid": slot.child.pid}, file=theirs.fileno())

    def _start(self, sock: socket.socket, output: int, writing: int) -> _Child:
        child = _Child(pid=0, output=output)
        try:
            if self._forks:
                child.pid = self._fork(sock, output, writing)
            else:
                child.process = _start_afresh(sock, writing)
                child.pid = child.process.pid
        except OSError:
            os.close(output)
            raise
        self._selector.register(output, selectors.EVENT_READ, lambda: self._listen(child))
        return child

    def _fork(self, sock: socket.socket, output: int, writing: int) -> int:
        nursery = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.close(output)
            _redirect(writing)
            self._let_go()
            runner.live(sock, parent=nursery)
        except BaseException:  # noqa: BLE001  # the process's edge: the traceback is the evidence
            traceback.print_exc()
            os._exit(1)
        finally:
            os._exit(0)

    def _let_go(self) -> None:
        """In a forked runner: close what is the nursery's alone."""
        for slot in self._slots:
            slot.wire.close()
            if slot.child is not None and slot.child.output is not None:
                os.close(slot.child.output)
        for end in (self._listener, self._wakeup, self._alarm):
            end.close()
        self._selector.close()

    def _listen(self, child: _Child) -> None:
        if child.output is not None and not child.drain():
            self._selector.unregister(child.output)

    def _reap(self, slot: _Slot) -> None:
        child = slot.child
        if child is None:
            return
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid:
            slot.child = None
            child.kill()  # what it started and left behind
            self._bury(child)
            how, output = how_it_ended(status), child.tail.decode("utf-8", "replace")
            self._say(slot, {"event": "exited", "pid": pid, "how": how, "output": output})

    def _bury(self, child: _Child) -> None:
        """Read the last of its output and let go of the rest."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)
        for _ in range(_LAST_READS):  # a process it has left behind may write for ever
            if not child.drain():
                break
        if child.output is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.output)
            os.close(child.output)
            child.output = None
        if child.process is not None:
            child.process.returncode = 0  # reaped here, not by subprocess

    def _say(self, slot: _Slot, message: Message, *, file: int | None = None) -> None:
        with contextlib.suppress(OSError):  # a slot that is gone is noticed when its wire is read
            slot.wire.send(message, file=file)


def how_it_ended(status: int) -> str:
    """A wait status in words that follow "the process"."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}"


def _redirect(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)


def _start_afresh(sock: socket.socket, output: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "tenfold_worker.runner"]
    return subprocess.Popen(
        [*command, "--fd", str(sock.fileno()), "--parent", str(os.getpid())],
        pass_fds=[sock.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _import(modules: Iterable[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def main() -> None:
    """Import, then serve until the supervisor ends."""
    parser = argparse.ArgumentParser(prog="python -m tenfold_worker.nursery")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket")
    parser.add_argument("--folder", type=Path, required=True, help="where the worker's processes meet")
    parser.add_argument("--parent", type=int, required=True, help="the process to die with")
    parser.add_argument(
        "--fork",
        action=argparse.BooleanOptionalAction,
        default=sys.platform == "linux",
        help="fork runners, or start each afresh (the default where system libraries do not survive a fork)",
    )
    arguments = parser.parse_args()
    die_with_parent(arguments.parent)
    gc.disable()  # imports leave little garbage behind
    _import(ESSENTIAL)
    FingerprintNote(arguments.folder).write(*fingerprint())
    gc.freeze()  # what is loaded stays; runners then share its memory for longer
    gc.enable()
    Nursery(socket.socket(fileno=arguments.fd), lifeline=sys.stdin.fileno(), fork=arguments.fork).serve()
    if os.getppid() != arguments.parent:  # the supervisor was killed and could not tidy up
        shutil.rmtree(arguments.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
