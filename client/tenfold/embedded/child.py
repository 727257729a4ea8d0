"""One child process of the keeper: in a session of its own, and bound to die with the keeper.

Must be used from a single-threaded process only: the child is prepared between fork and exec.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

from tenfold.embedded.parts import Part, make_room

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_MISUSE: Final = 2  # every Tenfold process says so by this exit code
_LINUX: Final = sys.platform == "linux"


class Child:
    """A started part.

    Args:
        part: What to run.
        now_s: The monotonic time of the start.
        first: Whether this is the part's first start.
    """

    def __init__(self, part: Part, *, now_s: float, first: bool) -> None:
        self.part = part
        self.started_s = now_s
        self.status: int | None = None
        self._process = _spawn(part, (*part.command, *(part.only_first if first else ())))

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its session and group."""
        return self._process.pid

    @property
    def refused(self) -> bool:
        """Whether it ended because of how it was set up, which another start would not change."""
        return self.status is not None and os.waitstatus_to_exitcode(self.status) == _MISUSE

    def ended(self, status: int) -> None:
        """The keeper has reaped it."""
        self.status = status
        self._process.returncode = os.waitstatus_to_exitcode(status)

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself; nothing happens once it has ended."""
        if self.status is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process and what is left in its group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS answers the latter for a group of zombies
            return


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that none of them escapes (Linux only)."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def describe_end(status: int) -> str:
    """How a process ended, in words, from its wait status."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _spawn(part: Part, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    make_room(part.log)
    with part.log.open("ab") as log:
        return subprocess.Popen(
            command,
            env=part.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_bound_to_parent(),  # noqa: PLW1509  # the keeper has one thread
        )


def _bound_to_parent() -> Callable[[], None] | None:
    if not _LINUX:
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked to be told
            os.kill(os.getpid(), signal.SIGTERM)

    return bind
