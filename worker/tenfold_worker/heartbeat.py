"""Says to the broker that the worker lives and what it runs, and hands back what its slots cannot finish any more.

A thread of its own, so that a broker that does not answer never keeps the supervisor from looking after processes.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tenfold_common.domain.assignment import Ended, WorkerRecord
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.errors import TenfoldError, TransientError
from tenfold_common.ports import WorkerBus

_LOG = logging.getLogger(__name__)

PERIOD_S: Final = 2.0
_LIVES_S: Final = 10.0


@dataclass(slots=True)
class _Said:
    """What is to be said next, behind a lock."""

    record: WorkerRecord | None = None
    running: dict[int, AttemptKey] = field(default_factory=dict)
    handed_back: list[Ended] = field(default_factory=list)


class Heartbeat(threading.Thread):
    """Announces the worker every other second.

    Args:
        connect: Gives the bus; called in the thread, because importing the client takes a while.
    """

    def __init__(self, connect: Callable[[], WorkerBus]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._connect = connect
        self._changed = threading.Condition()
        self._said = _Said()
        self._leaving = False
        self._away = False

    def introduce(self, record: WorkerRecord) -> None:
        """What is known of the worker; nothing is announced before."""
        with self._changed:
            self._said.record = record
            self._changed.notify()

    def show(self, running: Mapping[int, AttemptKey]) -> None:
        """What the slots (by process id) run from now on; told with the next heartbeat."""
        with self._changed:
            self._said.running = dict(running)

    def hand_back(self, ended: Ended) -> None:
        """Send the end of an attempt that its slot cannot send."""
        with self._changed:
            self._said.handed_back.append(ended)
            self._changed.notify()

    def leave(self, *, within_s: float) -> None:
        """Send what is left to send, withdraw the worker, and be done, or give up after ``within_s``."""
        with self._changed:
            self._leaving = True
            self._changed.notify()
        self.join(within_s)

    def run(self) -> None:
        """The thread."""
        try:
            bus = self._connect()
            self._beat_until_leaving(bus)
        except TenfoldError as error:
            _LOG.error("the broker does not know of this worker: %s", error)  # the text says it all

    def _beat_until_leaving(self, bus: WorkerBus) -> None:
        while not self._leaving:
            self._beat(bus)
            with self._changed:
                self._changed.wait_for(self._is_urgent, PERIOD_S)
        self._beat(bus, last=True)

    def _is_urgent(self) -> bool:
        return self._leaving or (bool(self._said.handed_back) and not self._away)

    def _beat(self, bus: WorkerBus, *, last: bool = False) -> None:
        try:
            self._hand_back_all(bus)
            self._announce(bus, last=last)
        except TransientError as error:
            if not self._away:
                _LOG.warning("no heartbeat: %s", error)
            self._away = True
        else:
            self._away = False

    def _hand_back_all(self, bus: WorkerBus) -> None:
        while self._said.handed_back:
            bus.finish(self._said.handed_back[0])
            with self._changed:
                ended = self._said.handed_back.pop(0)
            _LOG.info(
                "handed back: study=%s trial=%s attempt=%s", ended.key.study, ended.key.trial, ended.key.attempt
            )

    def _announce(self, bus: WorkerBus, *, last: bool) -> None:
        with self._changed:
            record, running = self._said.record, tuple(sorted(self._said.running.values()))
        if record is None:
            return
        if last:
            bus.withdraw(record.id)
        else:
            bus.announce(replace(record, running=running), ttl_s=_LIVES_S)
