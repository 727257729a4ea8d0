"""The command line's handle on an embedded cluster: start it, learn what happens to it, stop it.

Entering the context readies a keeper, ``go`` has it start the processes, ``settings`` waits for the broker. Whatever
ends the caller, the keeper notices and stops everything.
"""

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tenfold.embedded import broker
from tenfold.embedded.address import FILE_NAME, ClusterAddress, claim_home, read_address, running_cluster
from tenfold.embedded.keeper import GO, KILL
from tenfold.embedded.parts import last_lines, log_directory
from tenfold_common.errors import TenfoldError
from tenfold_common.settings import Settings, to_environment

_START_S: Final = 15.0
_STOP_S: Final = 4.0


class ClusterFailedError(TenfoldError):
    """A part of the embedded cluster cannot be kept running. Parameters: part, its end, its log, the log's end."""

    def __init__(self, part: str, how: str, log: str, tail: str) -> None:
        super().__init__(part, how, log, tail)
        self.part, self.how, self.log, self.tail = part, how, log, tail

    def __str__(self) -> str:
        text = f"the embedded cluster's {self.part} {self.how}; its log is {self.log}"
        return f"{text} and ends with:\n{self.tail}" if self.tail else text


class EmbeddedCluster:
    """A broker, a scheduler and a worker that run as long as this object is entered.

    Args:
        settings: The command line's own.
        workers: How many assignments run at once.
        claim: The descriptor from :func:`~tenfold.embedded.address.claim_home`; taken over by this object.
    """

    def __init__(self, settings: Settings, *, workers: int, claim: int) -> None:
        self._settings = settings
        self._workers = workers
        self._claim = claim
        self._keeper: subprocess.Popen[bytes] | None = None
        self._broker_url: str | None = None
        self._unread = b""
        self._notices: list[str] = []
        self._going = False

    def __enter__(self) -> Self:
        """Get ready to start; :meth:`go` starts.

        Raises:
            MisuseError: If this machine has no broker to start.
        """
        try:
            self._keeper = _start_keeper(self._settings, self._workers, broker.find_server(), self._claim)
        finally:
            os.close(self._claim)  # the keeper's copy holds the lock from here on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def owned(self) -> bool:
        """Whether it ends with this process: yes."""
        return True

    @property
    def gone(self) -> bool:
        """Whether it has ended: not without telling, see :meth:`wait`."""
        return False

    @property
    def settings(self) -> Settings:
        """The settings by which to reach this cluster; starts it if need be, and waits until its broker answers.

        Raises:
            ClusterFailedError: If it does not come up.
        """
        self.go()
        deadline_s = time.monotonic() + _START_S
        while self._broker_url is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise self._failure("keeper", f"did not report within {_START_S:.0f} seconds", "keeper.log")
            self._read(timeout_s=left_s)
        return replace(self._settings, broker_url=self._broker_url)

    def go(self) -> None:
        """Start the processes, once; does not wait. Until then only the keeper is there, which takes no time."""
        if self._keeper is not None and self._keeper.stdin is not None and not self._going:
            self._going = True
            _write(self._keeper.stdin.fileno(), GO)

    def wait(self, seconds: float) -> list[str]:
        """Let time pass, less if something happens; say in sentences what it was.

        Raises:
            ClusterFailedError: If a part cannot be kept running.
        """
        self._read(timeout_s=seconds)
        notices, self._notices = self._notices, []
        return notices

    def stop(self, *, at_once: bool = False) -> None:
        """Stop everything, in less than two seconds; ``at_once`` kills instead of asking. Safe to call again."""
        keeper, self._keeper = self._keeper, None
        if keeper is None or keeper.stdin is None or keeper.stdout is None:
            return
        if at_once:
            _write(keeper.stdin.fileno(), KILL)
        keeper.stdin.close()
        try:
            keeper.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        finally:
            keeper.stdout.close()

    def kill(self) -> None:
        """Have everything killed without waiting for it: for a signal handler."""
        if self._keeper is not None and self._keeper.stdin is not None:
            _write(self._keeper.stdin.fileno(), KILL)

    def _read(self, *, timeout_s: float) -> None:
        if self._keeper is None or self._keeper.stdout is None:
            return
        descriptor = self._keeper.stdout.fileno()
        if not select.select([descriptor], [], [], timeout_s)[0]:
            return
        data = os.read(descriptor, 65_536)
        if not data:
            raise self._failure("keeper", "ended unexpectedly", "keeper.log")
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, event: dict[str, Any]) -> None:  # Any: JSON written by our own keeper
        match event["event"]:
            case "ready":
                self._broker_url = event["broker_url"]
            case "restarted":
                self._notices.append(f"the {event['part']} ended ({event['how']}) and was started again")
            case "failed":
                raise self._failure(event["part"], event["how"], Path(event["log"]).name)

    def _failure(self, part: str, how: str, log_name: str) -> ClusterFailedError:
        log = log_directory(self._settings.home) / log_name
        return ClusterFailedError(part, how, str(log), last_lines(log))


def start_or_find(settings: Settings, *, workers: int) -> EmbeddedCluster | ClusterAddress:
    """This home's cluster: a new one, not yet entered, or the address of the one that is running.

    Raises:
        TenfoldError: If somebody holds the home for long without saying where the cluster is.
    """
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        claim = claim_home(settings.home)
        if claim is not None:
            _clear_away(read_address(settings.home / FILE_NAME))
            return EmbeddedCluster(settings, workers=workers, claim=claim)
        address = running_cluster(settings.home)
        if address is not None:
            return address
        time.sleep(0.02)  # it is just starting or just stopping
    raise TenfoldError(
        f"another process holds {settings.home} but does not say where its cluster is; "
        "end it, or use another home (TENFOLD_HOME)"
    )


def _clear_away(dead: ClusterAddress | None) -> None:
    """Remove what a cluster whose keeper was killed has left, where the kernel does not do it."""
    if dead is not None:
        broker.remove_leftover(dead.broker_url)


def _start_keeper(settings: Settings, slots: int, server: Path, claim: int) -> "subprocess.Popen[bytes]":
    logs = log_directory(settings.home)
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "keeper.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tenfold.embedded.keeper", "--slots", str(slots), "--server", str(server)],
            env={**os.environ, **to_environment(settings)},
            cwd=settings.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            start_new_session=True,
            pass_fds=(claim,),
        )


def _write(descriptor: int, data: bytes) -> None:
    try:
        os.write(descriptor, data)
    except OSError:
        return  # the keeper is gone, and everything with it
