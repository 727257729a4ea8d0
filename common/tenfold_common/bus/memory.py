"""Both ends of the bus in one process's memory: a fake for tests, held to the same contract suite as the real one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tenfold_common.bus.messages import news_of_text, news_text, worker_of_text, worker_text
from tenfold_common.clock import SystemClock
from tenfold_common.domain.assignment import (
    Assignment,
    Bell,
    Ended,
    News,
    QueueRecord,
    Started,
    WorkerRecord,
    assignment_from_json,
    assignment_to_json,
)
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, StudyId
from tenfold_common.ports import Clock, Received

_Slot = tuple[StudyId, int, int]


@dataclass(frozen=True, slots=True)
class _Lease:
    attempt: int
    state: str
    worker: str
    until_s: float


class MemoryBus:
    """A :class:`~tenfold_common.ports.SchedulerBus` and :class:`~tenfold_common.ports.WorkerBus` in memory.

    ``receive`` never waits: a test decides what happens next. Texts are those of the real bus, so that what cannot
    travel fails here too.

    Args:
        clock: Leases and heartbeats lapse by its monotonic seconds.
        lease_s: Length of a lease.
    """

    def __init__(self, *, clock: Clock | None = None, lease_s: float = 30.0) -> None:
        self._clock = clock or SystemClock()
        self._lease_s = lease_s
        self._restarts = 0
        self._entries = 0
        self._known_queues: set[str] = set()
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._news: dict[int, str] = {}
        self._bell = 0
        self._leases: dict[_Slot, _Lease] = {}
        self._workers: dict[str, tuple[str, float, datetime]] = {}
        self._messages: list[dict[str, object]] = []

    def restart(self) -> None:
        """As if the broker had been killed and started again without its memory."""
        self._restarts += 1
        self._forget_everything()

    def take(self, *queues: str) -> Assignment | None:
        """The oldest message of these queues (of any, if none is named), as Celery would hand it to a worker."""
        for message in self._messages:
            if not queues or message["queue"] in queues:
                self._messages.remove(message)
                return assignment_from_json(message)
        return None

    def publish(self, assignment: Assignment) -> None:
        """Ring for a worker."""
        self._known_queues.add(assignment.queue)
        self._messages.append(dict(assignment_to_json(assignment)))

    def receive(self, *, after: str = "0", block_s: float, limit: int = 200) -> list[Received]:  # noqa: ARG002  # the port's
        """News after an entry, oldest first; never waits."""
        later = [(entry, text) for entry, text in self._news.items() if entry > int(after)]
        return [Received(str(entry), news_of_text(text)) for entry, text in later[:limit]]

    def discard(self, entries: Sequence[str]) -> None:
        """Delete news that has been committed."""
        for entry in entries:
            self._news.pop(int(entry), None)

    def ring(self) -> None:
        """Tell the scheduler to look at the store again."""
        self._news.pop(self._bell, None)
        self._bell = self._send(Bell())

    def holders(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, str | None]:
        """Which worker holds each attempt's lease now."""
        return {key: self._holder(key) for key in keys}

    def revoke(self, key: AttemptKey) -> None:
        """Make the holder of this attempt stop at its next renewal, and nobody claim it any more."""
        lease = self._leases.get(_slot(key))
        newer = lease is not None and lease.attempt > key.attempt
        done = lease is not None and lease.attempt == key.attempt and lease.state == "done"
        if not newer and not done:
            self._leases[_slot(key)] = _Lease(key.attempt, "revoked", "", 0.0)

    def forget(self, study: StudyId) -> None:
        """Drop leases and done markers of an ended study; who still works on it stops at the next renewal."""
        for slot, lease in list(self._leases.items()):
            if slot[0] != study or lease.state == "revoked":
                continue
            if lease.state == "held" and lease.until_s > self._clock.monotonic_s():
                self._leases[slot] = replace(lease, state="revoked", worker="")
            else:
                del self._leases[slot]

    def workers(self) -> list[WorkerRecord]:
        """Workers whose heartbeat has not lapsed, by id."""
        now_s = self._clock.monotonic_s()
        alive = sorted((name, text, seen) for name, (text, until_s, seen) in self._workers.items() if until_s > now_s)
        return [worker_of_text(text, seen_ms=seen.timestamp() * 1000) for _, text, seen in alive]

    def queues(self) -> list[QueueRecord]:
        """Queues that were published to or are served, with their backlog, by name."""
        names = self._known_queues | {queue for worker in self.workers() for queue in worker.queues}
        waiting: Callable[[str], int] = lambda name: sum(message["queue"] == name for message in self._messages)  # noqa: E731
        return [QueueRecord(name=name, waiting=waiting(name)) for name in sorted(names)]

    def incarnation(self) -> str:
        """Changes with every :meth:`restart`."""
        return f"memory-{self._restarts}"

    def claim(self, key: AttemptKey, *, worker: str, fingerprint: ContentHash) -> bool:
        """Claim the lease of an attempt and send ``Started``."""
        lease = self._leases.get(_slot(key))
        if lease is not None and lease.attempt >= key.attempt:
            return False
        self._hold(key, worker)
        self._send(Started(key=key, worker=worker, fingerprint=fingerprint))
        return True

    def renew(self, key: AttemptKey, *, worker: str) -> bool:
        """Keep the lease."""
        lease = self._leases.get(_slot(key))
        if lease is not None and lease.attempt >= key.attempt:
            mine = (lease.attempt, lease.state, lease.worker) == (key.attempt, "held", worker)
            if not mine:
                return False
        self._hold(key, worker)
        return True

    def finish(self, ended: Ended) -> None:
        """Send the result and turn the lease into a done marker, in one step."""
        key = ended.key
        lease = self._leases.get(_slot(key))
        if lease is not None and (lease.attempt, lease.state, lease.worker) == (key.attempt, "done", ended.worker):
            return
        self._send(ended)
        newer = lease is not None and lease.attempt > key.attempt
        revoked = lease is not None and lease.attempt == key.attempt and lease.state == "revoked"
        if not newer and not revoked:
            self._leases[_slot(key)] = _Lease(key.attempt, "done", ended.worker, 0.0)

    def announce(self, record: WorkerRecord, *, ttl_s: float) -> None:
        """Heartbeat."""
        until_s = self._clock.monotonic_s() + ttl_s
        self._workers[record.id] = (worker_text(record), until_s, self._clock.now().astimezone(UTC))

    def withdraw(self, worker: str) -> None:
        """The worker leaves."""
        self._workers.pop(worker, None)

    def close(self) -> None:
        """Nothing to let go of."""

    def _send(self, news: News) -> int:
        self._entries += 1
        self._news[self._entries] = news_text(news)
        return self._entries

    def _hold(self, key: AttemptKey, worker: str) -> None:
        self._leases[_slot(key)] = _Lease(key.attempt, "held", worker, self._clock.monotonic_s() + self._lease_s)

    def _holder(self, key: AttemptKey) -> str | None:
        lease = self._leases.get(_slot(key))
        if lease is None or lease.attempt != key.attempt or lease.state != "held":
            return None
        return lease.worker if lease.until_s > self._clock.monotonic_s() else None


def _slot(key: AttemptKey) -> _Slot:
    return (key.study, key.trial, key.part)
