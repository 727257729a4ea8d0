"""What the supervisor says to the broker."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tenfold_common.bus.memory import MemoryBus
from tenfold_common.domain.assignment import Ended, WorkerRecord
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, StudyId
from tenfold_common.errors import MisuseError, TransientError
from tenfold_worker.heartbeat import Heartbeat

KEY = AttemptKey(StudyId("0123456789abcdef"), 3, 0, 1)
PRINT = ContentHash("f" * 64)
RECORD = WorkerRecord(
    id="w1",
    host="here",
    pid=7,
    slots=2,
    queues=("cpu",),
    fingerprint=PRINT,
    started_at=datetime(2030, 1, 1, tzinfo=UTC),
    seen_at=datetime(2030, 1, 1, tzinfo=UTC),
)
HANDED_BACK = Ended(
    key=KEY, worker="w1", fingerprint=PRINT, folds=(), failure=None, seconds=0.0, machine_trouble=True
)


class _Bus(MemoryBus):
    """Tells when something has been said, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.said = threading.Semaphore(0)
        self.away = False

    def _say(self, what: Callable[[], None]) -> None:
        try:
            if self.away:
                raise TransientError("the broker does not answer")
            what()
        finally:
            self.said.release()

    def announce(self, record: WorkerRecord, *, ttl_s: float) -> None:
        self._say(lambda: super(_Bus, self).announce(record, ttl_s=ttl_s))

    def finish(self, ended: Ended) -> None:
        self._say(lambda: super(_Bus, self).finish(ended))

    def wait(self) -> None:
        assert self.said.acquire(timeout=10)


def test_a_worker_is_announced_with_what_it_runs_and_leaves() -> None:
    """Nothing before it is introduced; nothing after it has left."""
    bus = _Bus()
    heartbeat = Heartbeat(lambda: bus)
    heartbeat.show({11: KEY})
    heartbeat.introduce(RECORD)
    heartbeat.start()
    bus.wait()
    [record] = bus.workers()
    assert (record.id, record.running) == ("w1", (KEY,))
    heartbeat.leave(within_s=10)
    assert not heartbeat.is_alive()
    assert bus.workers() == []


def test_what_is_handed_back_is_sent_at_once_or_at_the_latest_when_leaving() -> None:
    """Even if the broker was away when it was lost."""
    bus = _Bus()
    heartbeat = Heartbeat(lambda: bus)
    heartbeat.introduce(RECORD)
    heartbeat.start()
    bus.wait()
    bus.away = True
    heartbeat.hand_back(HANDED_BACK)
    bus.wait()
    assert bus.receive(block_s=0) == []
    bus.away = False
    heartbeat.leave(within_s=10)
    assert [received.news for received in bus.receive(block_s=0)] == [HANDED_BACK]


def test_a_broker_that_refuses_us_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The thread ends; trials could not have been claimed either."""

    def refuse() -> MemoryBus:
        raise MisuseError("the broker refuses us: wrong password")

    heartbeat = Heartbeat(refuse)
    heartbeat.start()
    heartbeat.join(10)
    assert "wrong password" in caplog.text
